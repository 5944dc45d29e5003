package org.setun.interop;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.inference.Activations;
import org.setun.inference.InferenceModel;
import org.setun.inference.InferenceSession;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.ptq.QuantizeJob;
import org.setun.quant.ptq.QuantizeOptions;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * Files of {@code setun quantize} as llama.cpp runs them. It rounds activations to 8 bits, in blocks of 32 or 256 as the weights' type has
 * it; the tight comparison is therefore with the same weights in F32, where neither engine rounds.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LlamaCppQuantizeTest {

    private static final int VOCAB = 512;
    private static final int WINDOW = 48;
    private static final int TOKENS = 5 * WINDOW;

    private final Backend backend = Backends.open();
    private final int[] tokens = new SplittableRandom(3).ints(TOKENS, 3, VOCAB).toArray();
    private LlamaCpp llamaCpp;

    @BeforeAll
    void open(@TempDir Path driver) throws IOException, InterruptedException {
        llamaCpp = LlamaCpp.open(driver);
    }

    @AfterAll
    void close() {
        backend.close();
    }

    /**
     * Types whose activations both engines round alike (8 bits in blocks of 256) are held closer than the others, where two roundings differ by
     * as much as each does from none. What the same weights give without any rounding must agree to the last digits.
     */
    @ParameterizedTest(name = "{0} as {1}")
    @CsvSource({"llama-F32, q4_0, 0.02, 1.5", "llama-F32, q8_0, 0.02, 1.5", "llama-F32, q2_k, 1e-3, 0.8", "llama-F32, q3_k, 1e-3, 0.8",
            "llama-F32, q4_k, 1e-3, 0.8", "llama-F32, q6_k, 1e-3, 0.8", "llama-F32, tq1_0, 0.02, 1.5", "llama-F32, tq2_0, 0.02, 1.5",
            "bitnet-F32, tq1_0, 0.02, 1.5", "bitnet-F32, tq2_0, 0.02, 1.5", "llama-F32, q4_1, 0.02, 1.5", "llama-F32, q5_0, 0.02, 1.5",
            "llama-F32, q5_1, 0.02, 1.5", "llama-F32, q5_k, 0.02, 1.5", "llama-F32, q1_0, 0.02, 1.5", "llama-F32, q2_0, 0.02, 1.5",
            "llama-F32, bf16, 1e-3, 0.5", "llama-F32, f16, 1e-4, 0.05"})
    void aQuantizedFileIsTheSameModelThere(String model, String format, double divergence, double distance, @TempDir Path folder)
            throws IOException, InterruptedException {
        Path file = folder.resolve("quantized.gguf");
        quantize(TestData.require("golden-models/" + model + ".gguf"), QuantizeOptions.of(WeightFormats.parse(format)), file);
        Agreement rounded = agreement(llamaCpp.logits(file, tokens, WINDOW), ours(file, Activations.INT8));
        System.out.println(model + " as " + format + ": " + rounded);
        assertThat(rounded.divergence()).isLessThanOrEqualTo(divergence);
        assertThat(rounded.maxDistance()).isLessThanOrEqualTo(distance);
        assertThat(rounded.perplexityRatio()).isBetween(0.96, 1.04);

        Path sameWeights = folder.resolve("same-weights.gguf");
        quantize(file, QuantizeOptions.of(WeightFormats.parse("f32")), sameWeights);
        Agreement exact = agreement(llamaCpp.logits(sameWeights, tokens, WINDOW), ours(file, Activations.FP32));
        System.out.println(model + " as " + format + ", nothing rounded: " + exact);
        assertThat(exact.maxDistance()).isLessThanOrEqualTo(2e-4);
    }

    /** A format that only Setun has, or a rotation between the stored values and the weights: read as anything else it would be noise. */
    @ParameterizedTest
    @CsvSource({"pi-q3,", "pi-tan2,", "e8p,", "q4_0, HADAMARD"})
    void whatOnlySetunReadsIsRefusedByName(String format, Incoherence.Method rotation, @TempDir Path folder) throws IOException {
        Path file = folder.resolve("own.gguf");
        quantize(TestData.require("golden-models/llama-F32.gguf"),
                QuantizeOptions.of(WeightFormats.parse(format)).withIncoherence(rotation, 7), file);
        assertThatThrownBy(() -> llamaCpp.logits(file, tokens, WINDOW)).isInstanceOf(IOException.class)
                .hasMessageContaining("unknown model architecture: 'setun-llama'");
        assertThat(ours(file, Activations.INT8)).doesNotContain(Float.NaN);
    }

    private Agreement agreement(float[] theirs, float[] ours) {
        return Agreement.of(theirs, ours, tokens, VOCAB, WINDOW);
    }

    private void quantize(Path input, QuantizeOptions options, Path output) throws IOException {
        try (QuantizeJob job = QuantizeJob.open(input, null, options, backend)) {
            job.run(output, 2, (step, done, total) -> {
            });
        }
    }

    private float[] ours(Path file, Activations activations) throws IOException {
        float[] all = new float[tokens.length * VOCAB];
        try (InferenceModel model = InferenceModel.open(file, backend, activations);
                InferenceSession session = model.newSession(WINDOW)) {
            for (int from = 0; from < tokens.length; from += WINDOW) {
                int start = from;
                session.truncate(0);
                session.score(Arrays.copyOfRange(tokens, from, from + WINDOW), (first, rows, logits) -> MemorySegment.copy(logits,
                        ValueLayout.JAVA_FLOAT, 0, all, (start + first) * VOCAB, rows * VOCAB));
            }
        }
        return all;
    }
}
