package org.setun.inference;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.kernels.Backend;
import org.setun.kernels.reference.ReferenceBackend;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Small random models for which llama.cpp gave logits and greedy tokens. On dequantized weights in fp32 we must agree to 2e-4 and in every
 * greedy token; where activations are rounded to 8 bits, engines round differently, and what remains is a divergence of at most 0.02.
 */
class GoldenModelTest {

    private static final int VOCAB = 512;

    static Stream<Arguments> exactModels() {
        return combine("llama-F32", "llama-F16", "llama-TQ1_0", "llama-TQ2_0", "llama-Q8_0", "llama-Q4_0", "llama-Q2_K",
                "llama-Q3_K", "llama-Q4_K", "llama-Q6_K", "llama-IQ4_NL", "bitnet-F32", "bitnet-TQ1_0", "bitnet-TQ2_0",
                "bitnet-theta500000-TQ2_0", "qwen2-F16", "qwen3-F16");
    }

    static Stream<Arguments> roundedModels() {
        return combine("bitnet-TQ1_0", "bitnet-TQ2_0", "bitnet-theta500000-TQ2_0", "llama-Q8_0", "llama-Q4_0", "llama-Q4_K", "llama-Q6_K",
                "llama-Q3_K", "llama-Q2_K");
    }

    static Stream<Arguments> halfModels() {
        return combine("llama-F16", "qwen2-F16", "qwen3-F16");
    }

    private static Stream<Arguments> combine(String... models) {
        return TestBackends.names().flatMap(backend -> Arrays.stream(models).map(model -> Arguments.of(model, backend)));
    }

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("exactModels")
    void fullPrecisionActivationsGiveTheLogitsOfTheDequantizedWeights(String name, String backendName) throws IOException {
        Golden golden = Golden.of(name);
        try (Backend backend = TestBackends.open(backendName);
                InferenceModel model = InferenceModel.open(golden.model(), backend, Activations.FP32);
                InferenceSession session = model.newSession(128)) {
            double distance = Comparison.maxDistance(Comparison.logits(session, golden.tokens(), VOCAB), golden.exact());
            System.out.printf("%s on %s: max |d| = %.1e%n", name, backendName, distance);
            assertThat(distance).isLessThanOrEqualTo(2e-4);
            assertThat(continueGreedily(session, golden.tokens(), 32)).isEqualTo(golden.exactGreedy());
        }
    }

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("halfModels")
    void halfPrecisionFilesAreAsLlamaCppRunsThem(String name, String backendName) throws IOException {
        Golden golden = Golden.of(name);
        try (Backend backend = TestBackends.open(backendName);
                InferenceModel model = InferenceModel.open(golden.model(), backend, Activations.FP32);
                InferenceSession session = model.newSession(128)) {
            assertThat(Comparison.maxDistance(Comparison.logits(session, golden.tokens(), VOCAB), golden.logits()))
                    .isLessThanOrEqualTo(0.05);
        }
    }

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("roundedModels")
    void roundedActivationsStayCloseToLlamaCppsOwnRounding(String name, String backendName) throws IOException {
        Golden golden = Golden.of(name);
        try (Backend backend = TestBackends.open(backendName);
                InferenceModel model = InferenceModel.open(golden.model(), backend, Activations.INT8);
                InferenceSession session = model.newSession(128)) {
            float[] logits = Comparison.logits(session, golden.tokens(), VOCAB);
            double distance = Comparison.maxDistance(logits, golden.logits());
            double divergence = Comparison.meanDivergence(golden.logits(), logits, VOCAB);
            System.out.printf("%s on %s, 8-bit activations: max |d| = %.2f, KL = %.4f%n", name, backendName, distance, divergence);
            assertThat(distance).isLessThanOrEqualTo(1.5);
            assertThat(divergence).isLessThanOrEqualTo(0.02);
            assertThat(Comparison.maxDistance(logits, golden.exact())).as("activations are rounded").isGreaterThan(0.01);
            assertThat(clearStepsAgree(session, golden, distance)).as("greedy steps with a margin that rounding cannot bridge")
                    .isGreaterThan(8);
        }
    }

    /** Weights stay small, with a kernel of their own (Q4_K) and with that of Q8_0 (IQ4_NL). */
    @Test
    void quantizedModelsStaySmall() throws IOException {
        try (Backend backend = new ReferenceBackend();
                InferenceModel floats = InferenceModel.open(Golden.of("llama-F32").model(), backend, Activations.INT8);
                InferenceModel blocks = InferenceModel.open(Golden.of("llama-Q4_K").model(), backend, Activations.INT8);
                InferenceModel rewritten = InferenceModel.open(Golden.of("llama-IQ4_NL").model(), backend, Activations.INT8)) {
            assertThat(blocks.weightBytes()).isLessThan(floats.weightBytes() / 2);
            assertThat(rewritten.weightBytes()).isLessThan(floats.weightBytes() / 2);
        }
    }

    /** Follows llama.cpp's greedy text; where its margin is above our distance, our choice must be its choice. How many steps that are. */
    private static int clearStepsAgree(InferenceSession session, Golden golden, double distance) {
        session.truncate(0);
        MemorySegment logits = session.prefill(golden.tokens());
        Sampler sampler = new Sampler(Sampling.greedy(), VOCAB);
        int clear = 0;
        for (int i = 0; i < golden.greedy().length; i++) {
            if (golden.margin()[i] > distance) {
                assertThat(sampler.next(logits)).as("greedy step %d", i).isEqualTo(golden.greedy()[i]);
                clear++;
            }
            logits = session.next(golden.greedy()[i]);
        }
        return clear;
    }

    private static int[] continueGreedily(InferenceSession session, int[] prompt, int count) {
        session.truncate(0);
        MemorySegment logits = session.prefill(prompt);
        Sampler sampler = new Sampler(Sampling.greedy(), VOCAB);
        int[] tokens = new int[count];
        for (int i = 0; i < count; i++) {
            tokens[i] = sampler.next(logits);
            logits = session.next(tokens[i]);
        }
        return tokens;
    }
}
