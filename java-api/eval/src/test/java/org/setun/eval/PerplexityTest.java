package org.setun.eval;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.inference.Activations;
import org.setun.inference.InferenceModel;
import org.setun.inference.InferenceSession;
import org.setun.kernels.Backend;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

class PerplexityTest {

    private static final String MODEL = "golden-models/bitnet-TQ2_0";
    private static final String TEXT = "The weights of this model are random numbers, so each token is a surprise: \u00e4\u20ac\n";

    private final Backend backend = new ReferenceBackend();
    private InferenceModel model;
    private int[] tokens;
    private float[] logits;

    @BeforeEach
    void open() throws IOException {
        model = InferenceModel.open(TestData.require(MODEL + ".gguf"), backend, Activations.FP32);
        try (SafetensorsFile file = SafetensorsFile.open(TestData.require(MODEL + ".safetensors"))) {
            tokens = file.tensor("tokens").toArray(ValueLayout.JAVA_INT_UNALIGNED);
            logits = file.floats("logits_dequantized");
        }
    }

    @AfterEach
    void close() {
        if (model != null) {
            model.close();
        }
        backend.close();
    }

    private TextScore score(int[] text, Perplexity.Options options) {
        return new Perplexity(model, backend).measure(text, options, done -> {
        });
    }

    /** The negative log-likelihood of {@code target} in a row of logits. */
    private static double loss(float[] row, int target) {
        double sum = 0;
        for (float logit : row) {
            sum += Math.exp(logit - row[target]);
        }
        return Math.log(sum);
    }

    @Test
    void oneWindowGivesTheLossOfLlamaCppsLogits() {
        double expected = 0;
        int hits = 0;
        for (int i = 0; i + 1 < tokens.length; i++) {
            float[] row = Arrays.copyOfRange(logits, 512 * i, 512 * (i + 1));
            expected += loss(row, tokens[i + 1]);
            int best = 0;
            for (int id = 0; id < 512; id++) {
                best = row[id] > row[best] ? id : best;
            }
            hits += best == tokens[i + 1] ? 1 : 0;
        }
        TextScore score = score(tokens, Perplexity.Options.window(128));
        assertThat(score.loss()).isCloseTo(expected, within(1e-2));
        assertThat(score.tokens()).isEqualTo(47);
        assertThat(score.hits()).isEqualTo(hits);
        assertThat(score.perplexity()).isCloseTo(Math.exp(expected / 47), within(expected));
        assertThat(score.computed()).isEqualTo(48);
        assertThat(score.tokensPerSecond()).isPositive();
    }

    @ParameterizedTest
    @CsvSource({"16, 16", "16, 5", "16, 1", "48, 48", "2, 1", "2, 2", "47, 13"})
    void everyTokenIsScoredOnceByTheFirstWindowThatReachesIt(int window, int stride) {
        double expected = 0;
        try (InferenceSession session = model.newSession(window)) {
            int next = 1;
            for (int from = 0; next < tokens.length; from += stride) {
                session.truncate(0);
                for (int i = from; i < Math.min(from + window, tokens.length) && i + 1 < tokens.length; i++) {
                    MemorySegment row = session.next(tokens[i]);
                    if (i + 1 == next) {
                        expected += loss(row.asSlice(0, 2048).toArray(ValueLayout.JAVA_FLOAT), tokens[next]);
                        next++;
                    }
                }
            }
        }
        TextScore score = score(tokens, new Perplexity.Options(window, stride, 0));
        assertThat(score.tokens()).isEqualTo(47);
        assertThat(score.loss()).isCloseTo(expected, within(1e-2));
    }

    @Test
    void bitsPerByteCountTheBytesOfTheText() {
        List<Long> progress = new ArrayList<>();
        TextScore score = new Perplexity(model, backend).measure(TEXT, Perplexity.Options.window(8), progress::add);
        assertThat(score.bytes()).isEqualTo(TEXT.getBytes(java.nio.charset.StandardCharsets.UTF_8).length);
        assertThat(score.tokens()).isEqualTo(model.tokenizer().encode(TEXT, false).length);
        assertThat(score.bitsPerByte()).isCloseTo(score.lossPerToken() * score.tokens() / Math.log(2) / score.bytes(), within(1e-9));
        assertThat(progress).isSorted().last().isEqualTo(score.tokens() + 1);
    }

    @Test
    void fewerTokensCanBeAskedFor() {
        assertThat(score(tokens, Perplexity.Options.window(16).withMaxTokens(20)).tokens()).isEqualTo(19);
        assertThat(score(tokens, Perplexity.Options.window(16).withMaxTokens(2000)).tokens()).isEqualTo(47);
    }

    @Test
    void badRequestsAreNamed() {
        assertThatThrownBy(() -> Perplexity.Options.window(1)).hasMessageContaining("window = 1");
        assertThatThrownBy(() -> Perplexity.Options.window(8).withStride(9)).hasMessageContaining("stride = 9");
        assertThatThrownBy(() -> Perplexity.Options.window(8).withMaxTokens(-1)).hasMessageContaining("maxTokens = -1");
        assertThatThrownBy(() -> score(new int[]{1}, Perplexity.Options.window(8))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1 tokens");
        int[] endless = new int[model.config().context() + 2];
        assertThatThrownBy(() -> score(endless, Perplexity.Options.window(endless.length))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("context");
    }
}
