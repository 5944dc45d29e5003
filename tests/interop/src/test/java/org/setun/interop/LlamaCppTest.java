package org.setun.interop;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.inference.Activations;
import org.setun.inference.InferenceModel;
import org.setun.inference.InferenceSession;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderInit;
import org.setun.nn.Quantization;
import org.setun.quant.QuantPresets;
import org.setun.quant.export.ExportOptions;
import org.setun.quant.export.GgufExporter;
import org.setun.quant.export.MatrixType;
import org.setun.quant.export.ScaleStorage;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Files that we export, as llama.cpp runs them: the same text, token by token, through both engines. llama.cpp rounds the activations of
 * ternary products in blocks of 256 or 64, we round whole rows, as in training; what remains between the engines is this rounding.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LlamaCppTest {

    private static final int TOKENS = 2560;
    private static final int WINDOW = 128;
    private static final int VOCAB = TrainedModel.config(true, true).vocab();

    private final Backend backend = Backends.open();
    private final MemoryPool memory = new MemoryPool(backend);
    private LlamaCpp llamaCpp;
    private TrainedModel trained;

    @BeforeAll
    void train(@TempDir Path folder) throws IOException, InterruptedException {
        llamaCpp = LlamaCpp.open(folder);
        trained = TrainedModel.train(TrainedModel.config(true, true), QuantPresets.bitnetSwiglu().quantization(), backend, memory);
        System.out.printf("trained to %.2f nats per token%n", trained.loss());
        assertThat(trained.loss()).isLessThan(4.0);
    }

    @AfterAll
    void close() {
        memory.close();
        backend.close();
    }

    @ParameterizedTest(name = "{0}, scales in {1}")
    @CsvSource({"TQ2_0, TENSOR", "TQ1_0, TENSOR", "TQ2_0, BLOCK", "Q2_0, TENSOR"})
    void aTernaryModelOfOursIsTheSameModelThere(MatrixType type, ScaleStorage scales, @TempDir Path folder)
            throws IOException, InterruptedException {
        Path file = folder.resolve("model.gguf");
        GgufExporter.export(backend, trained.decoder(), trained.tokenizer(), ExportOptions.of("test", type).withScales(scales), file);
        int[] tokens = trained.heldOutTokens(TOKENS);
        Agreement agreement = Agreement.of(llamaCpp.logits(file, tokens, WINDOW), ours(file, tokens), tokens, VOCAB, WINDOW);
        System.out.println(type + ", scales in " + scales + ": " + agreement);
        assertThat(agreement.sameBest()).isGreaterThanOrEqualTo(0.98);
        assertThat(agreement.divergence()).isLessThanOrEqualTo(2e-3);
        assertThat(agreement.perplexityRatio()).isBetween(0.995, 1.005);
    }

    @ParameterizedTest(name = "{0}, sub norms {1}, tied head {2}")
    @CsvSource({"F32, true, true, 1e-3", "F16, true, true, 0.05", "F32, false, true, 1e-3", "F32, false, false, 1e-3"})
    void aFullPrecisionModelGivesTheSameLogits(MatrixType type, boolean subNorms, boolean tied, double bound, @TempDir Path folder)
            throws IOException, InterruptedException {
        Path file = folder.resolve("twin.gguf");
        try (MemoryPool own = new MemoryPool(backend)) {
            Decoder twin = new Decoder(TrainedModel.config(subNorms, tied), Quantization.NONE, own, new DecoderInit(0.06, false, 8));
            ExportOptions options = ExportOptions.of("twin", type).withHalfTables(type == MatrixType.F16);
            GgufExporter.export(backend, twin, trained.tokenizer(), options, file);
        }
        int[] tokens = trained.heldOutTokens(256);
        Agreement agreement = Agreement.of(llamaCpp.logits(file, tokens, WINDOW), ours(file, tokens), tokens, VOCAB, WINDOW);
        System.out.println(type + (subNorms ? " with" : " without") + " sub norms: " + agreement);
        assertThat(agreement.maxDistance()).isLessThanOrEqualTo(bound);
    }

    @Test
    void aTernaryModelWithoutSubNormsIsReadAsLlama(@TempDir Path folder) throws IOException, InterruptedException {
        Path file = folder.resolve("llama.gguf");
        try (MemoryPool own = new MemoryPool(backend)) {
            Decoder decoder = new Decoder(TrainedModel.config(false, false), QuantPresets.bitnet158().quantization(), own,
                    new DecoderInit(0.06, false, 9));
            GgufExporter.export(backend, decoder, trained.tokenizer(), ExportOptions.of("llama", MatrixType.TQ2_0), file);
        }
        int[] tokens = trained.heldOutTokens(256);
        Agreement agreement = Agreement.of(llamaCpp.logits(file, tokens, WINDOW), ours(file, tokens), tokens, VOCAB, WINDOW);
        System.out.println("ternary llama: " + agreement);
        assertThat(agreement.divergence()).isLessThanOrEqualTo(2e-3);
    }

    @Test
    void itsTokenizerSplitsOurTextAlike(@TempDir Path folder) throws IOException, InterruptedException {
        Path file = folder.resolve("model.gguf");
        GgufExporter.export(backend, trained.decoder(), trained.tokenizer(), ExportOptions.of("test", MatrixType.TQ2_0), file);
        String text = trained.heldOut().substring(0, 20_000)
                + "\n  int x1 = 42;\t// na\u00efve \u20ac \uD83D\uDE00 <|endoftext|> it's\r\n\n";
        assertThat(llamaCpp.tokenize(file, text)).isEqualTo(trained.tokenizer().encode(text, false));
    }

    private float[] ours(Path file, int[] tokens) throws IOException {
        float[] all = new float[tokens.length * VOCAB];
        try (InferenceModel model = InferenceModel.open(file, backend, Activations.INT8);
                InferenceSession session = model.newSession(WINDOW)) {
            for (int from = 0; from < tokens.length; from += WINDOW) {
                int start = from;
                session.truncate(0);
                session.score(Arrays.copyOfRange(tokens, from, Math.min(tokens.length, from + WINDOW)),
                        (first, rows, logits) -> MemorySegment.copy(logits, ValueLayout.JAVA_FLOAT, 0, all, (start + first) * VOCAB,
                                rows * VOCAB));
            }
        }
        return all;
    }
}
