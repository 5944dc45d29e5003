package org.setun.formats.tokenizer;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class BpeTrainerTest {

    private static BpeTrainer trainer(int vocabSize) {
        return new BpeTrainer(vocabSize, PreTokenizer.GPT_2, List.of("<|endoftext|>"));
    }

    @Test
    void aCorpusDoneByHand() {
        // hug 10, pug 5, pun 12, bun 4, hugs 5: "u g" occurs 20 times, "u n" 16, "h ug" 15, "p un" 12
        StringBuilder corpus = new StringBuilder();
        Map.of("hug", 10, "pug", 5, "pun", 12, "bun", 4, "hugs", 5).forEach((word, count) -> corpus.append((word + "\n").repeat(count)));
        BpeTokenizer tokenizer = trainer(261).add(corpus.toString()).train();
        assertThat(tokenizer.merges()).containsExactly("u g", "u n", "h ug", "p un");
        assertThat(tokenizer.vocabulary().tokens().subList(256, 261)).containsExactly("ug", "un", "hug", "pun", "<|endoftext|>");
        assertThat(tokenizer.eos()).isEqualTo(260);
        assertThat(tokenizer.vocabulary().token(0)).isEqualTo("!");
        assertThat(tokenizer.encode("bug", false)).containsExactly(tokenizer.vocabulary().id("b"), 256);
    }

    /** Counting all pairs anew before each merge must give the same merges as the incremental counts. */
    @Property(tries = 100)
    void incrementalCountsEqualFreshCounts(@ForAll long seed) {
        Random random = new Random(seed);
        StringBuilder corpus = new StringBuilder();
        for (int i = 0; i < 60; i++) {
            for (int length = 1 + random.nextInt(12); length > 0; length--) {
                corpus.append((char) ('a' + random.nextInt(3)));
            }
            corpus.append('\n');
        }
        assertThat(trainer(300).add(corpus.toString()).train().merges()).isEqualTo(fresh(corpus.toString(), 300 - 257));
    }

    private static List<String> fresh(String corpus, int merges) {
        List<List<String>> words = new ArrayList<>();
        PreTokenizer.GPT_2.split(corpus, 0, corpus.length(), (from, to) -> {
            List<String> symbols = new ArrayList<>();
            for (byte value : corpus.substring(from, to).getBytes(StandardCharsets.UTF_8)) {
                symbols.add(String.valueOf(ByteAlphabet.character(Byte.toUnsignedInt(value))));
            }
            words.add(symbols);
        });
        Map<String, Integer> ids = new HashMap<>();
        for (int id = 0; id < 256; id++) {
            ids.put(String.valueOf(ByteAlphabet.character(ByteAlphabet.inOrder(id))), id);
        }
        List<String> result = new ArrayList<>();
        while (ids.size() < 256 + merges) {
            Map<PairCounter.Pair, Long> counts = new HashMap<>();
            for (List<String> word : words) {
                for (int i = 0; i + 1 < word.size(); i++) {
                    counts.merge(new PairCounter.Pair(ids.get(word.get(i)), ids.get(word.get(i + 1)), 0), 1L, Long::sum);
                }
            }
            PairCounter.Pair best = counts.entrySet().stream()
                    .map(entry -> new PairCounter.Pair(entry.getKey().left(), entry.getKey().right(), entry.getValue()))
                    .sorted().findFirst()
                    .orElse(new PairCounter.Pair(0, 0, 0));
            if (best.count() < 2) {
                break;
            }
            String left = textOf(ids, best.left());
            String right = textOf(ids, best.right());
            result.add(left + " " + right);
            ids.putIfAbsent(left + right, ids.size());
            for (List<String> word : words) {
                for (int i = 0; i + 1 < word.size(); i++) {
                    if (word.get(i).equals(left) && word.get(i + 1).equals(right)) {
                        word.set(i, left + right);
                        word.remove(i + 1);
                    }
                }
            }
        }
        return result;
    }

    private static String textOf(Map<String, Integer> ids, int id) {
        return ids.entrySet().stream().filter(entry -> entry.getValue() == id).findFirst().orElseThrow().getKey();
    }

    @Test
    void theOrderOfTheTextsDoesNotMatter() {
        String[] lines = Texts.CORPUS.split("(?<=\n)");
        BpeTrainer forward = trainer(400);
        BpeTrainer backward = trainer(400);
        for (int i = 0; i < lines.length; i++) {
            forward.add(lines[i]);
            backward.add(lines[lines.length - 1 - i]);
        }
        assertThat(forward.train().merges()).isEqualTo(backward.train().merges()).hasSize(400 - 257);
    }

    @Test
    void specialTokensSeparateDocumentsAndAreNeverLearned() {
        BpeTokenizer tokenizer = trainer(400).add("xy<|endoftext|>xy<|endoftext|>".repeat(50)).train();
        assertThat(tokenizer.merges()).containsExactly("x y");
        BpeTokenizer clash = new BpeTrainer(400, PreTokenizer.GPT_2, List.of("ab")).add("abab cdcd ".repeat(9)).train();
        assertThat(clash.merges()).doesNotContain("a b");
        assertThat(clash.decode(clash.encode("abab", false))).isEqualTo("abab");
    }

    @Test
    void aSmallCorpusGivesASmallerVocabularyAndAnEmptyOneAnError() {
        assertThat(trainer(1000).add("abc").train().vocabSize()).isEqualTo(257);
        assertThat(trainer(1000).add("abab").train().vocabSize()).isEqualTo(258);
        assertThatIllegalArgumentException().isThrownBy(() -> trainer(1000).train()).withMessageContaining("corpus");
        assertThatIllegalArgumentException().isThrownBy(() -> trainer(1000).add("").add("<|endoftext|>").train())
                .withMessageContaining("corpus");
        assertThatIllegalArgumentException().isThrownBy(() -> trainer(256)).withMessageContaining("257");
        assertThatIllegalArgumentException().isThrownBy(() -> new BpeTrainer(300, PreTokenizer.GPT_2, List.of("<a>", "<a>")));
    }

    @Test
    void filesWithoutSpacesAreNoTrap(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("long.txt"), "abcd".repeat(250_000));
        long start = System.nanoTime();
        assertThat(trainer(300).add(file).train().vocabSize()).isLessThan(300);
        assertThat(System.nanoTime() - start).as("nanoseconds").isLessThan(20_000_000_000L);
    }

    @Test
    void aRealCorpusIsLearnedFastAndCompressed() throws IOException {
        Path corpus = TestData.require("text/wikitext-2/train.txt");
        long start = System.nanoTime();
        BpeTokenizer tokenizer = trainer(2048 + 257).add(corpus).train();
        double seconds = (System.nanoTime() - start) / 1e9;
        String valid = Files.readString(TestData.require("text/wikitext-2/valid.txt"));
        start = System.nanoTime();
        int[] ids = tokenizer.encode(valid, false);
        double rate = valid.length() / 1e6 / ((System.nanoTime() - start) / 1e9);
        System.out.printf("2048 merges of 10.8 MB in %.2f s; encoding %.1f MB/s; %.3f bytes per token%n", seconds, rate,
                valid.getBytes(StandardCharsets.UTF_8).length / (double) ids.length);
        assertThat(tokenizer.merges()).hasSize(2048);
        assertThat(tokenizer.decode(ids)).isEqualTo(valid);
        assertThat(valid.length() / (double) ids.length).isGreaterThan(3.0);
        assertThat(seconds).isLessThan(60);
    }
}
