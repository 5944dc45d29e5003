package org.setun.cli.study;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.eval.ModelComparison;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

class SubjectTest {

    @TempDir
    Path folder;

    @Test
    void theClassifierHasTheAccuracyThatItsOriginReports() throws IOException {
        try (Subject subject = MlpSubject.open(TestData.require("models/mlp-mnist/model.json"),
                TestData.require("images/mnist/t10k-images-idx3-ubyte.gz"), TestData.require("images/mnist/t10k-labels-idx1-ubyte.gz"))) {
            ModelComparison.Result same = subject.compare(Map.of());
            assertThat(same.accuracy()).isEqualTo(0.9569);
            assertThat(same.agreement()).isEqualTo(1);
            assertThat(same.divergence()).isZero();
            assertThat(subject.matrices()).extracting(Subject.Matrix::columns).containsExactly(784, 64);
            String second = subject.matrices().get(1).name();
            ModelComparison.Result guessing = subject.compare(Map.of(second, new float[640]));
            assertThat(guessing.accuracy()).isLessThan(0.2);
            assertThat(guessing.divergence()).isGreaterThan(1);
        }
    }

    @Test
    void replacedWeightsOfALanguageModelGoThroughItsFile() throws IOException {
        Path text = folder.resolve("story.txt");
        Files.writeString(text, "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. ".repeat(3));
        try (Backend backend = Backends.open();
                Subject subject = LanguageSubject.open(TestData.require("models/stories260K/stories260K.bin"),
                        TestData.require("models/stories260K/tok512.bin"), text, 100, 64, backend)) {
            assertThat(subject.matrices()).hasSize(5 * 7);
            ModelComparison.Result same = subject.compare(Map.of());
            assertThat(same.divergence()).isCloseTo(0, within(1e-9));
            Map<String, float[]> zeros = new HashMap<>();
            subject.matrices().forEach(matrix -> zeros.put(matrix.name(), new float[matrix.values().length]));
            ModelComparison.Result nothing = subject.compare(zeros);
            assertThat(nothing.perplexity()).isGreaterThan(5 * same.perplexity());
            assertThat(nothing.referencePerplexity()).isEqualTo(same.perplexity());
        }
    }

    @Test
    void onlyF32WeightsAreStudied() throws IOException {
        Path text = folder.resolve("text");
        Files.writeString(text, "words");
        try (Backend backend = Backends.open()) {
            assertThatThrownBy(() -> LanguageSubject.open(TestData.require("golden-models/llama-Q8_0.gguf"), null, text, 100, 64, backend))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("a study starts from F32");
            assertThatThrownBy(() -> LanguageSubject.open(TestData.require("models/stories260K/stories260K_v2_q8_0.bin"),
                    TestData.require("models/stories260K/tok512.bin"), text, 100, 64, backend))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("is int8");
        }
    }
}
