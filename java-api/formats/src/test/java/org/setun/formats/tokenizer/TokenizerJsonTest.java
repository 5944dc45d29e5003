package org.setun.formats.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.formats.FormatException;
import org.setun.formats.Hostile;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufWriter;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class TokenizerJsonTest {

    @TempDir
    Path folder;

    @BeforeAll
    static void keepTheOtherTokenizerOffline() {
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("DJL_CACHE_DIR", Path.of("target", "djl").toAbsolutePath().toString());
    }

    static BpeTokenizer tokenizer(PreTokenizer pre, boolean addMarkers) {
        BpeTokenizer trained = new BpeTrainer(420, pre, List.of("<|endoftext|>", "<|begin|>")).add(Texts.CORPUS).train();
        List<String> tokens = new ArrayList<>(trained.vocabulary().tokens());
        List<TokenKind> kinds = new ArrayList<>(trained.vocabulary().kinds());
        tokens.add("<tool>");
        kinds.add(TokenKind.USER_DEFINED);
        Markers markers = new Markers(trained.vocabulary().id("<|begin|>"), trained.eos(), Markers.NONE, trained.eos(), addMarkers,
                addMarkers);
        return new BpeTokenizer(new Vocabulary(tokens, kinds, markers), trained.merges(), pre);
    }

    private static void assertSame(BpeTokenizer actual, BpeTokenizer expected) {
        assertThat(actual.vocabulary().tokens()).isEqualTo(expected.vocabulary().tokens());
        assertThat(actual.vocabulary().kinds()).isEqualTo(expected.vocabulary().kinds());
        assertThat(actual.vocabulary().markers()).isEqualTo(expected.vocabulary().markers());
        assertThat(actual.merges()).isEqualTo(expected.merges());
        assertThat(actual.preTokenizer()).isEqualTo(expected.preTokenizer());
        assertThat(actual.wholeWords()).isEqualTo(expected.wholeWords());
    }

    @ParameterizedTest
    @EnumSource(value = PreTokenizer.class, names = "DEFAULT", mode = EnumSource.Mode.EXCLUDE)
    void whatIsWrittenIsReadBackHereAndByHuggingFacesLibrary(PreTokenizer pre) throws IOException {
        for (boolean markers : new boolean[]{true, false}) {
            BpeTokenizer tokenizer = tokenizer(pre, markers);
            Path file = folder.resolve("tokenizer.json");
            TokenizerJson.write(tokenizer, file);
            assertSame(TokenizerJson.read(file), tokenizer);
            try (HuggingFaceTokenizer other = HuggingFaceTokenizer.newInstance(file, Map.of())) {
                Random random = new Random(7);
                for (int i = 0; i < 1000; i++) {
                    String text = Texts.random(random);
                    assertSameIds(tokenizer, other, text);
                }
            }
        }
    }

    @Test
    void aRealVocabularyEncodesRealTextsAsHuggingFacesLibraryDoes() throws IOException {
        BpeTokenizer gpt2;
        try (GgufFile gguf = GgufFile.open(TestData.require("formats/gguf-vocab/ggml-vocab-gpt-2.gguf"))) {
            gpt2 = (BpeTokenizer) GgufTokenizers.read(gguf.metadata());
        }
        Path file = folder.resolve("tokenizer.json");
        TokenizerJson.write(gpt2, file);
        assertSame(TokenizerJson.read(file), gpt2);
        try (HuggingFaceTokenizer other = HuggingFaceTokenizer.newInstance(file, Map.of())) {
            List<String> lines = Files.readAllLines(TestData.require("text/tinystories/sample_train.txt"));
            lines.forEach(line -> assertSameIds(gpt2, other, line));
            Random random = new Random(11);
            for (int i = 0; i < 2000; i++) {
                assertSameIds(gpt2, other, Texts.random(random));
            }
        }
    }

    private static void assertSameIds(BpeTokenizer tokenizer, HuggingFaceTokenizer other, String text) {
        for (boolean special : new boolean[]{true, false}) {
            int[] expected = Arrays.stream(other.encode(text, special, true).getIds()).mapToInt(Math::toIntExact).toArray();
            assertThat(tokenizer.encode(text, special, true)).as("'%s'", text).isEqualTo(expected);
        }
    }

    @ParameterizedTest
    @EnumSource(PreTokenizer.class)
    void ggufHoldsTheSameTokenizer(PreTokenizer pre) throws IOException {
        BpeTokenizer tokenizer = tokenizer(pre, true);
        Path file = folder.resolve("tokenizer.gguf");
        GgufWriter writer = new GgufWriter("llama");
        GgufTokenizers.write(tokenizer, writer);
        writer.write(file);
        try (GgufFile gguf = GgufFile.open(file)) {
            assertSame((BpeTokenizer) GgufTokenizers.read(gguf.metadata()), tokenizer);
        }
    }

    /** Reserved tokens take the places of embedding rows without a token: they split no text and mean none. */
    @Test
    void paddingChangesNoText() {
        BpeTokenizer tokenizer = tokenizer(PreTokenizer.GPT_2, true);
        int size = tokenizer.vocabSize();
        BpeTokenizer padded = tokenizer.padded(size + 3);
        assertThat(padded.vocabSize()).isEqualTo(size + 3);
        assertThat(padded.vocabulary().kind(size + 2)).isEqualTo(TokenKind.UNUSED);
        String text = "the [PAD" + size + "] of [PAD" + (size + 1) + "]";
        assertThat(padded.encode(text, true, true)).isEqualTo(tokenizer.encode(text, true, true));
        assertThat(tokenizer.padded(size).vocabulary().tokens()).isEqualTo(tokenizer.vocabulary().tokens());
        assertThatIllegalArgumentException().isThrownBy(() -> tokenizer.padded(size - 1)).withMessageContaining("size");
    }

    @Test
    void ggufHoldsASentencePieceTokenizer() throws IOException {
        SpmTokenizer real;
        try (GgufFile gguf = GgufFile.open(TestData.require("formats/gguf-vocab/ggml-vocab-llama-spm.gguf"))) {
            real = (SpmTokenizer) GgufTokenizers.read(gguf.metadata());
        }
        Path file = folder.resolve("spm.gguf");
        GgufWriter writer = new GgufWriter("llama");
        GgufTokenizers.write(real, writer);
        writer.write(file);
        try (GgufFile gguf = GgufFile.open(file)) {
            SpmTokenizer copy = (SpmTokenizer) GgufTokenizers.read(gguf.metadata());
            assertThat(copy.vocabulary().tokens()).isEqualTo(real.vocabulary().tokens());
            assertThat(copy.vocabulary().markers()).isEqualTo(real.vocabulary().markers());
            assertThat(copy.scores()).isEqualTo(real.scores());
            String text = "Grüße <s> from 1000\n  stories 🙂";
            assertThat(copy.encode(text, true)).isEqualTo(real.encode(text, true));
            assertThat(copy.decode(copy.encode(text, false))).isEqualTo(text);
        }
    }

    @Test
    void whatTheFormatCannotSayIsRefused() {
        BpeTokenizer tokenizer = tokenizer(PreTokenizer.DEFAULT, false);
        assertThatIllegalArgumentException().isThrownBy(() -> TokenizerJson.write(tokenizer, folder.resolve("t.json")))
                .withMessageContaining("DEFAULT");
    }

    @Test
    void whatIsNotSupportedIsRefusedByName() throws IOException {
        String json = json();
        refused(json.replace("\"type\" : \"BPE\"", "\"type\" : \"Unigram\""), "Unigram");
        refused(json.replace("\"normalizer\" : null", "\"normalizer\" : {\"type\" : \"NFKC\"}"), "NFKC");
        refused(json.replace("\"byte_fallback\" : false", "\"byte_fallback\" : true"), "byte_fallback");
        refused(json.replace("\"dropout\" : null", "\"dropout\" : 0.1"), "dropout");
        refused(json.replace("\"lstrip\" : false", "\"lstrip\" : true"), "lstrip");
        refused(json.replace("\"add_prefix_space\" : false", "\"add_prefix_space\" : true"), "add_prefix_space");
        refused(json.replace("TemplateProcessing", "BertProcessing"), "BertProcessing");
        refused(json.replace("\"pre_tokenizer\" : {\n    \"type\" : \"ByteLevel\"",
                "\"pre_tokenizer\" : {\n    \"type\" : \"Metaspace\""), "Metaspace");
        refused(json.replace("\"#\" : 2,", "\"#\" : 2147483647,"), "2147483647");
        refused(json.replace("\"#\" : 2,", "\"#\" : 1,"), "id 1");
        refused(json.replace("\"#\" : 2,", ""), "id 2");
        refused(json.replace("\"#\" : 2,", "\"\\\"\" : 2,"), "Duplicate");
        refused("[]", "not a JSON object");
        refused("{", "not valid JSON");
        refused("", "not a JSON object");
        refused("[".repeat(100_000), "not valid JSON");
        refused("{}", "pre_tokenizer");
    }

    @Property(tries = 1_000)
    void damageIsRefusedOrHarmless(@ForAll long seed) throws IOException {
        byte[] valid = SMALL;
        Hostile.check(Hostile.damage(valid, new Random(seed)),
                data -> TokenizerJson.parse(data.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE), "damaged.json").encode("the cat", true));
    }

    private static final byte[] SMALL = smallJson();

    private static byte[] smallJson() {
        try {
            Path file = Files.createTempDirectory("tokenizer").resolve("tokenizer.json");
            TokenizerJson.write(new BpeTrainer(262, PreTokenizer.GPT_2, List.of("<|e|>")).add(Texts.CORPUS).train(), file);
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private String json() throws IOException {
        Path file = folder.resolve("small.json");
        TokenizerJson.write(tokenizer(PreTokenizer.GPT_2, true), file);
        return Files.readString(file);
    }

    private static void refused(String json, String message) {
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> TokenizerJson.parse(json.getBytes(StandardCharsets.UTF_8), "bad.json"))
                .withMessageStartingWith("bad.json").withMessageContaining(message);
    }
}
