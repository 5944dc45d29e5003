package org.setun.eval;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.inference.Activations;
import org.setun.inference.InferenceModel;
import org.setun.kernels.Backend;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

class ModelComparisonTest {

    private final Backend backend = new ReferenceBackend();

    @AfterEach
    void close() {
        backend.close();
    }

    private InferenceModel open(String name) throws IOException {
        return InferenceModel.open(TestData.require("golden-models/" + name + ".gguf"), backend, Activations.FP32);
    }

    @Test
    void aModelAgreesWithItselfAndItsPerplexityIsTheUsualOne() throws IOException {
        try (InferenceModel model = open("llama-F16");
                SafetensorsFile file = SafetensorsFile.open(TestData.require("golden-models/llama-F16.safetensors"))) {
            int[] tokens = file.tensor("tokens").toArray(ValueLayout.JAVA_INT_UNALIGNED);
            ModelComparison.Result result = new ModelComparison(model, model, backend).measure(tokens, tokens.length, done -> {
            });
            assertThat(result.divergence()).isCloseTo(0, within(1e-9));
            assertThat(result.agreement()).isEqualTo(1);
            assertThat(result.tokens()).isEqualTo(tokens.length - 1);
            TextScore score = new Perplexity(model, backend).measure(tokens, Perplexity.Options.window(tokens.length), done -> {
            });
            assertThat(result.perplexity()).isCloseTo(score.perplexity(), within(1e-4 * score.perplexity()));
            assertThat(result.referencePerplexity()).isEqualTo(result.perplexity());
            assertThat(result.accuracy()).isEqualTo(score.accuracy());
        }
    }

    /** KL of the half-precision model from the single-precision one: 3.4e-6 in a float32 engine. */
    @Test
    void halfPrecisionWeightsDivergeByWhatAnotherEngineMeasured() throws IOException {
        try (InferenceModel single = open("llama-F32");
                InferenceModel half = open("llama-F16");
                SafetensorsFile file = SafetensorsFile.open(TestData.require("golden-models/llama-F16.safetensors"))) {
            int[] tokens = file.tensor("tokens").toArray(ValueLayout.JAVA_INT_UNALIGNED);
            ModelComparison.Result result = new ModelComparison(single, half, backend).measure(tokens, tokens.length, done -> {
            });
            assertThat(result.divergence()).isBetween(1e-6, 1e-5);
            assertThat(result.agreement()).isEqualTo(1);
        }
    }

    @Test
    void windowsCoverTheTextAndBadArgumentsAreNamed() throws IOException {
        try (InferenceModel model = open("llama-F16")) {
            ModelComparison comparison = new ModelComparison(model, model, backend);
            ModelComparison.Result result = comparison.measure(new int[]{1, 2, 3, 4, 5, 6, 7}, 3, done -> {
            });
            assertThat(result.windows()).extracting(ModelComparison.Window::tokens).containsExactly(2, 2);
            assertThatThrownBy(() -> comparison.measure(new int[1], 4, done -> {
            })).hasMessageContaining("tokens = 1");
            assertThatThrownBy(() -> comparison.measure(new int[4], 1, done -> {
            })).hasMessageContaining("window = 1");
        }
    }
}
