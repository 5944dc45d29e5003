package org.setun.formats.tokenizer;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Learns a byte-level BPE: counts the pieces that the pre-tokenizer cuts, then merges the most frequent pair of neighbours again and again.
 * The result depends on the texts alone, not on their order: of equally frequent pairs the one with the smaller ids wins. Ids are the 256
 * bytes in GPT-2's order, then the merges, then the special tokens, the first of which begins and ends texts. Not thread-safe.
 *
 * <p>
 * Pieces of more than {@value #LONGEST_PIECE} bytes are cut there, so that a file without spaces costs no more than any other. Special
 * tokens in the texts separate documents and are not counted.
 */
public final class BpeTrainer {

    private static final int LONGEST_PIECE = 256;
    private static final int LEAST_COUNT = 2;

    private final int vocabSize;
    private final PreTokenizer preTokenizer;
    private final List<String> specialTexts;
    private final SpecialTokens specials;
    private final Map<String, long[]> pieces = new HashMap<>();

    /**
     * @param vocabSize the number of ids to aim at, special tokens included; at least 256 more than there are special tokens
     * @param preTokenizer cuts the texts
     * @param specials texts such as {@code <|endoftext|>}, not empty, each once
     * @throws IllegalArgumentException if one of these does not hold
     */
    public BpeTrainer(int vocabSize, PreTokenizer preTokenizer, List<String> specials) {
        if (vocabSize < 256 + specials.size()) {
            throw new IllegalArgumentException("vocabSize = " + vocabSize + ", allowed is " + (256 + specials.size()) + " (256 bytes and "
                    + specials.size() + " special tokens) and more");
        }
        if (specials.stream().anyMatch(text -> text.length() < 2) || specials.stream().distinct().count() != specials.size()) {
            throw new IllegalArgumentException("specials = " + specials + ", allowed are different texts of two characters and more");
        }
        this.vocabSize = vocabSize;
        this.preTokenizer = preTokenizer;
        this.specialTexts = List.copyOf(specials);
        this.specials = new SpecialTokens(vocabulary(List.of()));
    }

    /** Counts one text. Pieces do not cross from one call to the next. */
    public BpeTrainer add(String text) {
        String clean = WellFormed.of(text);
        specials.split(clean, true, (start, end) -> preTokenizer.split(clean, start, end, (from, to) -> count(clean.substring(from, to))),
                _ -> {
                });
        return this;
    }

    /**
     * Counts a file of UTF-8 text; bytes that are none count as U+FFFD.
     *
     * @throws IOException if it cannot be read
     */
    public BpeTrainer add(Path file) throws IOException {
        return add(new String(Files.readAllBytes(file), StandardCharsets.UTF_8));
    }

    private void count(String piece) {
        pieces.computeIfAbsent(piece, _ -> new long[1])[0]++;
    }

    /**
     * Learns from everything counted so far.
     *
     * @return a tokenizer of at most {@code vocabSize} ids; fewer when no pair is left that occurs at least twice
     * @throws IllegalArgumentException if nothing was counted
     */
    public BpeTokenizer train() {
        if (pieces.isEmpty()) {
            throw new IllegalArgumentException("texts = 0 characters: a vocabulary needs a corpus");
        }
        PairCounter pairs = new PairCounter(words());
        List<String> texts = new ArrayList<>();
        for (int id = 0; id < 256; id++) {
            texts.add(String.valueOf(ByteAlphabet.character(ByteAlphabet.inOrder(id))));
        }
        List<String> merges = new ArrayList<>();
        Map<String, Integer> known = new HashMap<>();
        for (int id = 0; id < texts.size(); id++) {
            known.put(texts.get(id), id);
        }
        while (texts.size() + specialTexts.size() < vocabSize) {
            PairCounter.Pair best = pairs.best();
            if (best == null || best.count() < LEAST_COUNT) {
                break;
            }
            String text = texts.get(best.left()) + texts.get(best.right());
            if (specialTexts.contains(text)) {
                continue; // a text has one id
            }
            Integer id = known.putIfAbsent(text, texts.size());
            if (id == null) { // two ways of merging can spell one token
                id = texts.size();
                texts.add(text);
            }
            merges.add(texts.get(best.left()) + " " + texts.get(best.right()));
            pairs.merge(best, id);
        }
        return new BpeTokenizer(vocabulary(texts.subList(256, texts.size())), merges, preTokenizer, false);
    }

    /** All pieces as ids of bytes, in an order that depends on the pieces alone. */
    private List<PairCounter.Word> words() {
        int[] idOfByte = new int[256];
        for (int id = 0; id < 256; id++) {
            idOfByte[ByteAlphabet.inOrder(id)] = id;
        }
        List<PairCounter.Word> words = new ArrayList<>();
        pieces.forEach((piece, count) -> {
            byte[] bytes = piece.getBytes(StandardCharsets.UTF_8);
            for (int from = 0; from < bytes.length; from += LONGEST_PIECE) {
                byte[] part = Arrays.copyOfRange(bytes, from, Math.min(bytes.length, from + LONGEST_PIECE));
                int[] symbols = new int[part.length];
                Arrays.setAll(symbols, i -> idOfByte[Byte.toUnsignedInt(part[i])]);
                words.add(new PairCounter.Word(symbols, count[0]));
            }
        });
        return words;
    }

    private Vocabulary vocabulary(List<String> merged) {
        List<String> tokens = new ArrayList<>();
        for (int id = 0; id < 256; id++) {
            tokens.add(String.valueOf(ByteAlphabet.character(ByteAlphabet.inOrder(id))));
        }
        tokens.addAll(merged);
        List<TokenKind> kinds = new ArrayList<>(Collections.nCopies(tokens.size(), TokenKind.NORMAL));
        int first = specialTexts.isEmpty() ? Markers.NONE : tokens.size();
        tokens.addAll(specialTexts);
        kinds.addAll(Collections.nCopies(specialTexts.size(), TokenKind.CONTROL));
        return new Vocabulary(tokens, kinds, new Markers(first, first, Markers.NONE, Markers.NONE, false, false));
    }
}
