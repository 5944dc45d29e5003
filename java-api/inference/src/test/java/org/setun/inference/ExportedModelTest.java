package org.setun.inference;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.kernels.Workspace;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.quant.QuantPresets;
import org.setun.quant.export.ExportOptions;
import org.setun.quant.export.GgufExporter;
import org.setun.quant.export.MatrixType;
import org.setun.quant.export.ScaleStorage;

import static org.assertj.core.api.Assertions.assertThat;

/** A model that is exported and loaded again computes what the training graph computes. */
class ExportedModelTest {

    private static final int VOCAB = 120;
    private static final Quantization TERNARY = QuantPresets.bitnetSwiglu().quantization();

    /** @param bound of the difference of any logit, where their standard deviation is about 1 */
    private record Case(MatrixType type, ScaleStorage scales, boolean halfTables, NnOps.Glu activation, boolean subNorms, NnOps.Rope rope,
            boolean tied,
            Quantization quantization, Activations activations, double bound) {

        @Override
        public String toString() {
            return (quantization.isNone() ? "fp32 " : "ternary ") + activation + (subNorms ? " with" : " without") + " sub norms, " + rope
                    + ", as "
                    + type + " with scales in " + scales + (halfTables ? " and F16 tables" : "");
        }
    }

    static Stream<Arguments> cases() {
        NnOps.Glu silu = NnOps.Glu.SILU;
        NnOps.Glu relu2 = NnOps.Glu.RELU2;
        NnOps.Rope halves = NnOps.Rope.HALVES;
        ScaleStorage exact = ScaleStorage.TENSOR;
        Stream<Case> cases = Stream.of(
                new Case(MatrixType.TQ2_0, exact, false, silu, true, halves, true, TERNARY, Activations.INT8, 1e-5),
                new Case(MatrixType.TQ1_0, exact, false, silu, true, halves, true, TERNARY, Activations.INT8, 1e-5),
                new Case(MatrixType.Q2_0, exact, false, silu, true, halves, true, TERNARY, Activations.INT8, 1e-5),
                new Case(MatrixType.I2_S, exact, false, relu2, true, halves, true, TERNARY, Activations.INT8, 1e-5),
                new Case(MatrixType.TQ2_0, exact, false, silu, false, halves, false, TERNARY, Activations.INT8, 1e-5),
                new Case(MatrixType.TQ2_0, exact, false, silu, true, halves, true, TERNARY.withoutActivations(), Activations.FP32, 1e-4),
                new Case(MatrixType.TQ2_0, exact, true, silu, true, halves, true, TERNARY, Activations.INT8, 0.1),
                new Case(MatrixType.TQ2_0, ScaleStorage.BLOCK, false, silu, true, halves, true, TERNARY, Activations.INT8, 0.1),
                new Case(MatrixType.F32, exact, false, silu, true, halves, true, Quantization.NONE, Activations.INT8, 1e-4),
                new Case(MatrixType.F32, exact, false, relu2, true, halves, true, Quantization.NONE, Activations.INT8, 1e-4),
                new Case(MatrixType.F32, exact, false, silu, false, halves, false, Quantization.NONE, Activations.INT8, 1e-4),
                new Case(MatrixType.F32, exact, false, silu, false, NnOps.Rope.INTERLEAVED, true, Quantization.NONE, Activations.INT8,
                        1e-4),
                new Case(MatrixType.F16, exact, true, silu, true, halves, true, Quantization.NONE, Activations.INT8, 0.02));
        return cases.flatMap(each -> TestBackends.names().map(backend -> Arguments.of(each, backend)));
    }

    @TempDir
    private Path folder;

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("cases")
    void logitsAndGreedyTokensAreThoseOfTheTrainingGraph(Case given, String backendName) throws IOException {
        DecoderConfig config = new DecoderConfig(VOCAB, 256, 2, 4, 2, 64, 256, 64, given.activation(), given.subNorms(), given.rope(),
                10_000, 1e-5f,
                given.tied());
        Path file = folder.resolve("model.gguf");
        int[] prompt = new Random(2).ints(20, 0, VOCAB).toArray();
        try (Backend backend = TestBackends.open(backendName);
                MemoryPool memory = MemoryPool.builder(backend).slabBytes(4 << 20).build();
                Workspace workspace = new Workspace(backend, 4 << 20)) {
            Decoder decoder = decoder(config, given.quantization(), memory);
            ExportOptions options = ExportOptions.of("test", given.type()).withScales(given.scales()).withHalfTables(given.halfTables());
            GgufExporter.export(backend, decoder, writer -> {
            }, options, file);
            Graph graph = new Graph(decoder, Tape.evaluating(backend, workspace));
            try (InferenceModel model = InferenceModel.open(file, backend, given.activations());
                    InferenceSession session = model.newSession()) {
                assertThat(model.config()).isEqualTo(given.subNorms() ? config : withRope(config, NnOps.Rope.INTERLEAVED));
                float[] expected = graph.logits(prompt);
                assertThat(spread(expected)).isBetween(0.5, 3.0);
                assertThat(Comparison.maxDistance(Comparison.logits(session, prompt, VOCAB), expected)).isLessThanOrEqualTo(given.bound());
                followGreedily(graph, session, prompt, given.bound());
            }
        }
    }

    /** The training graph's greedy choice, token by token; the session must choose the same unless the margin is within both bounds. */
    private static void followGreedily(Graph graph, InferenceSession session, int[] prompt, double bound) {
        Sampler sampler = new Sampler(Sampling.greedy(), VOCAB);
        session.truncate(0);
        MemorySegment logits = session.prefill(prompt);
        int[] text = prompt;
        int compared = 0;
        for (int i = 0; i < 16; i++) {
            float[] all = graph.logits(text);
            float[] last = Arrays.copyOfRange(all, all.length - VOCAB, all.length);
            int best = 0;
            float second = Float.NEGATIVE_INFINITY;
            for (int id = 1; id < VOCAB; id++) {
                if (last[id] > last[best]) {
                    second = last[best];
                    best = id;
                } else {
                    second = Math.max(second, last[id]);
                }
            }
            if (last[best] - second > 2 * bound) {
                assertThat(sampler.next(logits)).isEqualTo(best);
                compared++;
            }
            text = Arrays.copyOf(text, text.length + 1);
            text[text.length - 1] = best;
            logits = session.next(best);
        }
        assertThat(compared).isGreaterThan(8);
    }

    private static Decoder decoder(DecoderConfig config, Quantization quantization, MemoryPool memory) {
        Decoder decoder = new Decoder(config, quantization, memory, new DecoderInit(0.06, false, 11));
        Random random = new Random(4);
        for (Parameter parameter : decoder.parameters()) {
            if (parameter.shape().rank() == 1) { // norms start at 1, which would hide a norm that is left out
                float[] values = new float[(int) parameter.shape().size()];
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) (1 + 0.2 * random.nextGaussian());
                }
                parameter.load(values);
            }
        }
        return decoder;
    }

    private static DecoderConfig withRope(DecoderConfig c, NnOps.Rope rope) {
        return new DecoderConfig(c.vocab(), c.dim(), c.layers(), c.heads(), c.kvHeads(), c.headDim(), c.ffn(), c.context(), c.activation(),
                c.subNorms(),
                rope, c.ropeTheta(), c.normEps(), c.tiedHead());
    }

    private static double spread(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return Math.sqrt(sum / values.length);
    }

    /** The training graph as it evaluates. */
    private record Graph(Decoder decoder, Tape tape) {

        float[] logits(int[] tokens) {
            tape.reset();
            Tensor ids = Tensor.of(tape.workspace(), tokens, tokens.length);
            return decoder.forward(tape, ids, 1, tokens.length).segment().toArray(ValueLayout.JAVA_FLOAT);
        }
    }
}
