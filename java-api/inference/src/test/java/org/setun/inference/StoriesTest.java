package org.setun.inference;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.formats.FormatException;
import org.setun.kernels.Backend;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** A small model that others trained: llama2.c's stories260K, whose greedy text is known. */
class StoriesTest {

    private static final String FOLDER = "models/stories260K/";

    static Stream<Arguments> files() {
        return TestBackends.names()
                .flatMap(backend -> Stream.of("stories260K.bin", "stories260K_v1_fp32.bin").map(file -> Arguments.of(file, backend)));
    }

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("files")
    void theGreedyStoryIsLetterByLetterTheKnownOne(String file, String backendName) throws IOException {
        String expected = Files.readString(TestData.require(FOLDER + "expected_greedy_200.txt"));
        try (Backend backend = TestBackends.open(backendName);
                InferenceModel model = open(file, backend);
                Generator generator = new Generator(model)) {
            Generation story = generator.generate("", GenerationOptions.greedy(200));
            assertThat(story.text()).isEqualTo(expected.stripTrailing());
            System.out.printf("%s on %s: %.0f tokens/s%n", file, backendName, story.decodeRate());
        }
    }

    /** The int8 file holds weights within 0.007 of the others: it tells the same story at first. */
    @ParameterizedTest
    @MethodSource("org.setun.inference.TestBackends#names")
    void theQuantizedFileTellsNearlyTheSame(String backendName) throws IOException {
        String expected = Files.readString(TestData.require(FOLDER + "expected_greedy_200.txt"));
        try (Backend backend = TestBackends.open(backendName);
                InferenceModel model = open("stories260K_v2_q8_0.bin", backend);
                Generator generator = new Generator(model)) {
            assertThat(generator.generate("", GenerationOptions.greedy(200)).text()).startsWith(expected.substring(0, 60));
        }
    }

    @Test
    void damagedFilesAreRefused() throws IOException {
        byte[] bytes = Files.readAllBytes(TestData.require(FOLDER + "stories260K.bin"));
        Path file = Files.createTempFile("stories", ".bin");
        try (Backend backend = TestBackends.open("reference")) {
            Files.write(file, Arrays.copyOf(bytes, bytes.length - 1000));
            assertThatThrownBy(() -> InferenceModel.open(file, backend, Activations.FP32)).isInstanceOf(FormatException.class);
            bytes[0] = 3; // a width of 3
            Files.write(file, bytes);
            assertThatThrownBy(() -> InferenceModel.open(file, backend, Activations.FP32)).isInstanceOf(FormatException.class);
            assertThatThrownBy(
                    () -> InferenceModel.open(TestData.require("golden-models/bitnet-TQ2_0.gguf"), file, backend, Activations.FP32))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("only llama2.c checkpoints take one");
        } finally {
            Files.delete(file);
        }
    }

    @Test
    void withoutItsTokenizerItTakesTokensOnly() throws IOException {
        try (Backend backend = TestBackends.open("reference");
                InferenceModel model = InferenceModel.open(TestData.require(FOLDER + "stories260K.bin"), backend, Activations.FP32)) {
            assertThat(model.hasTokenizer()).isFalse();
            assertThat(model.architecture()).isEqualTo("llama2.c");
            assertThatThrownBy(() -> new Generator(model)).isInstanceOf(IllegalStateException.class).hasMessageContaining("tokenizer");
        }
    }

    private static InferenceModel open(String file, Backend backend) throws IOException {
        return InferenceModel.open(TestData.require(FOLDER + file), TestData.require(FOLDER + "tok512.bin"), backend, Activations.FP32);
    }
}
