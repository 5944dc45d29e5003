package org.setun.formats.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class BpeTokenizerTest {

    private static final BpeTokenizer TRAINED = new BpeTrainer(400, PreTokenizer.GPT_2, List.of("<|endoftext|>")).add(Texts.CORPUS).train();

    /** {@link #TRAINED} with an added token, a reserved one and markers that are added. */
    private static BpeTokenizer withAdded() {
        Vocabulary base = TRAINED.vocabulary();
        List<String> tokens = new ArrayList<>(base.tokens());
        List<TokenKind> kinds = new ArrayList<>(base.kinds());
        tokens.addAll(List.of("<tool>", "<tool>x", "<unused0>"));
        kinds.addAll(List.of(TokenKind.USER_DEFINED, TokenKind.USER_DEFINED, TokenKind.UNUSED));
        int end = base.id("<|endoftext|>");
        return new BpeTokenizer(new Vocabulary(tokens, kinds, new Markers(end, end, Markers.NONE, Markers.NONE, true, true)),
                TRAINED.merges(),
                PreTokenizer.GPT_2);
    }

    @Property(tries = 2_000)
    void everyTextComesBack(@ForAll long seed) {
        String text = Texts.random(new Random(seed)).replace('\ufffd', '?');
        for (PreTokenizer pre : PreTokenizer.values()) {
            BpeTokenizer tokenizer = new BpeTokenizer(TRAINED.vocabulary(), TRAINED.merges(), pre);
            int[] ids = tokenizer.encode(text, false);
            assertThat(tokenizer.decode(ids)).isEqualTo(text);
            StreamingDecoder decoder = tokenizer.decoder();
            StringBuilder streamed = new StringBuilder();
            for (int id : ids) {
                String part = decoder.accept(id);
                assertThat(part.contains("\ufffd")).as("part of a character").isFalse();
                streamed.append(part);
            }
            assertThat(streamed.append(decoder.finish())).hasToString(text);
        }
    }

    /** The definition of BPE, word by word: again and again the best pair, leftmost first. */
    @Property(tries = 500)
    void mergesAreThoseOfTheDefinition(@ForAll long seed) {
        String text = Texts.random(new Random(seed)).replace("<|endoftext|>", "");
        List<Integer> expected = new ArrayList<>();
        PreTokenizer.GPT_2.split(text, 0, text.length(), (from, to) -> {
            List<String> symbols = new ArrayList<>();
            for (byte value : text.substring(from, to).getBytes(StandardCharsets.UTF_8)) {
                symbols.add(String.valueOf(ByteAlphabet.character(Byte.toUnsignedInt(value))));
            }
            for (String merge : TRAINED.merges()) {
                for (int i = 0; i + 1 < symbols.size(); i++) {
                    if (merge.equals(symbols.get(i) + " " + symbols.get(i + 1))) {
                        symbols.set(i, symbols.get(i) + symbols.remove(i + 1));
                    }
                }
            }
            symbols.forEach(symbol -> expected.add(TRAINED.vocabulary().id(symbol)));
        });
        assertThat(TRAINED.encode(text, false)).isEqualTo(expected.stream().mapToInt(Integer::intValue).toArray());
    }

    @Test
    void specialTokensAreMatchedByTheirKind() {
        BpeTokenizer tokenizer = withAdded();
        Vocabulary vocabulary = tokenizer.vocabulary();
        int end = vocabulary.id("<|endoftext|>");
        int tool = vocabulary.id("<tool>");
        int unused = vocabulary.id("<unused0>");
        String text = "a<tool>b<|endoftext|><unused0>";
        assertThat(tokenizer.encode(text, false)).contains(tool).doesNotContain(end, unused);
        assertThat(tokenizer.encode(text, true)).contains(tool).doesNotContain(unused).startsWith(end).endsWith(end);
        int[] marked = tokenizer.encode(text, true);
        assertThat(tokenizer.encode(text, false, true)).contains(end).isEqualTo(Arrays.copyOfRange(marked, 1, marked.length - 1));
        assertThat(tokenizer.encode("", true)).containsExactly(end, end);
        assertThat(tokenizer.encode("<tool>x", false)).as("the longest").containsExactly(vocabulary.id("<tool>x"));
        assertThat(tokenizer.decode(tokenizer.encode(text, false))).isEqualTo(text);
        assertThat(tokenizer.bytes(end)).as("control tokens are silent").isEmpty();
        assertThat(tokenizer.bytes(unused)).isEmpty();
    }

    @Test
    void brokenUtf8AndLoneSurrogatesBecomeReplacementCharacters() {
        int[] cut = TRAINED.encode("🙂", false);
        assertThat(cut.length).isGreaterThan(1);
        assertThat(TRAINED.decode(Arrays.copyOf(cut, cut.length - 1))).isEqualTo("\ufffd");
        assertThat(TRAINED.decode(TRAINED.encode("a\ud83db\ude42", false))).isEqualTo("a\ufffdb\ufffd");
    }

    @Test
    void aVeryLongPieceTakesNoQuadraticTime() {
        String text = "ab".repeat(500_000);
        long start = System.nanoTime();
        int[] ids = TRAINED.encode(text, false);
        assertThat(System.nanoTime() - start).as("nanoseconds").isLessThan(20_000_000_000L);
        assertThat(TRAINED.decode(ids)).isEqualTo(text);
    }

    @Test
    void oneTokenizerServesManyThreads() {
        String text = Texts.CORPUS;
        int[] expected = TRAINED.encode(text, false);
        BpeTokenizer fresh = new BpeTokenizer(TRAINED.vocabulary(), TRAINED.merges(), PreTokenizer.GPT_2);
        assertThat(IntStream.range(0, 16).parallel().mapToObj(_ -> fresh.encode(text, false)))
                .allMatch(ids -> Arrays.equals(ids, expected));
    }

    @Test
    void badVocabulariesAreRefused() {
        Vocabulary vocabulary = TRAINED.vocabulary();
        assertThatIllegalArgumentException().isThrownBy(() -> new BpeTokenizer(vocabulary, List.of("a"), PreTokenizer.GPT_2));
        assertThatIllegalArgumentException().isThrownBy(() -> new BpeTokenizer(vocabulary, List.of("a \u4e00"), PreTokenizer.GPT_2))
                .withMessageContaining("merge 0");
        assertThatIllegalArgumentException().isThrownBy(() -> new BpeTokenizer(
                new Vocabulary(List.of("a"), List.of(TokenKind.NORMAL), Markers.ABSENT), List.of(), PreTokenizer.GPT_2))
                .withMessageContaining("byte 0x00");
        assertThatIllegalArgumentException().isThrownBy(() -> new Markers(Markers.NONE, 0, 0, 0, true, false));
        assertThatIllegalArgumentException().isThrownBy(() -> new Vocabulary(List.of("a"), List.of(TokenKind.NORMAL),
                new Markers(1, 0, 0, 0, false, false))).withMessageContaining("id = 1");
        assertThatIllegalArgumentException().isThrownBy(() -> TRAINED.decode(TRAINED.vocabSize())).withMessageContaining("id = ");
        assertThatIllegalArgumentException().isThrownBy(() -> TRAINED.bytes(-1));
    }
}
