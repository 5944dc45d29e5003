package org.setun.formats.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufFile;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/** Ids that llama.cpp computed. */
class TokenizerVectorsTest {

    private static Tokenizer of(String file) throws IOException {
        try (GgufFile gguf = GgufFile.open(TestData.require(file))) {
            return GgufTokenizers.read(gguf.metadata());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpt-2", "llama-spm", "phi-3"})
    void vocabularyFiles(String name) throws IOException {
        String file = "formats/gguf-vocab/ggml-vocab-" + name + ".gguf";
        Tokenizer tokenizer = of(file);
        String[] inputs = Files.readString(TestData.require(file + ".inp")).split("\n__ggml_vocab_test__\n");
        List<String> outputs = Files.readAllLines(TestData.require(file + ".out"));
        assertThat(outputs).hasSize(inputs.length);
        for (int i = 0; i < inputs.length; i++) {
            int[] expected = Arrays.stream(outputs.get(i).split(" ")).filter(id -> !id.isEmpty()).mapToInt(Integer::parseInt).toArray();
            assertThat(tokenizer.encode(inputs[i], false)).as("'%s'", inputs[i]).isEqualTo(expected);
            assertThat(tokenizer.decode(expected)).isEqualTo(inputs[i]);
        }
    }

    @Test
    void goldenModels() throws IOException {
        JsonNode golden = new ObjectMapper().readTree(Files.readAllBytes(TestData.require("golden-models/tokenizer-vectors.json")));
        BpeTokenizer tokenizer = (BpeTokenizer) of("golden-models/llama-Q4_K.gguf");
        assertThat(tokenizer.preTokenizer()).isEqualTo(PreTokenizer.GPT_2);
        int vectors = 0;
        for (JsonNode vector : golden.get("vectors")) {
            String text = vector.get("text").asText();
            assertThat(tokenizer.encode(text, false)).as(text).isEqualTo(ids(vector.get("ids")));
            assertThat(tokenizer.encode(text, true)).as(text).isEqualTo(ids(vector.get("ids_special")));
            assertThat(tokenizer.decode(ids(vector.get("ids")))).isEqualTo(text);
            for (Map.Entry<String, JsonNode> pre : vector.get("ids_pre").properties()) {
                Tokenizer other = new BpeTokenizer(tokenizer.vocabulary(), tokenizer.merges(),
                        PreTokenizer.named(pre.getKey()).orElseThrow());
                assertThat(other.encode(text, false)).as("%s with %s", text, pre.getKey()).isEqualTo(ids(pre.getValue()));
            }
            vectors++;
        }
        assertThat(vectors).isEqualTo(20);
    }

    @Test
    void anUnknownPreTokenizerIsRefusedByName() {
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> of("formats/gguf-vocab/ggml-vocab-falcon.gguf"))
                .withMessageContaining("tokenizer.ggml.pre").withMessageContaining("falcon");
    }

    /** The same vocabulary twice: GPT-2's own files and its GGUF. */
    @Test
    void gpt2sOwnFilesGiveTheSameVocabulary() throws IOException {
        BpeTokenizer tokenizer = (BpeTokenizer) of("formats/gguf-vocab/ggml-vocab-gpt-2.gguf");
        Path merges = TestData.require("formats/gpt2-bpe/vocab.bpe");
        assertThat(tokenizer.merges()).isEqualTo(Files.readAllLines(merges).stream().skip(1).toList());
        JsonNode encoder = new ObjectMapper().readTree(Files.readAllBytes(TestData.require("formats/gpt2-bpe/encoder.json")));
        for (Map.Entry<String, JsonNode> token : encoder.properties()) {
            assertThat(tokenizer.vocabulary().id(token.getKey())).isEqualTo(token.getValue().asInt());
        }
    }

    private static int[] ids(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false).mapToInt(JsonNode::asInt).toArray();
    }
}
