package org.setun.formats.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.setun.formats.internal.IntList;

/**
 * Byte-level BPE as in GPT-2: text is cut by a {@link PreTokenizer}, each piece starts as its UTF-8 bytes, and neighbours are merged in the
 * order of the merge list. Every text can be encoded and comes back byte for byte.
 *
 * <p>
 * Added ({@link TokenKind#USER_DEFINED}) tokens are matched first in any text, control tokens only when asked for. After Sennrich et al.
 * (arXiv 1508.07909) and Radford et al. (GPT-2).
 */
public final class BpeTokenizer implements Tokenizer {

    private static final int LONGEST_CACHED = 48;
    private static final int MOST_CACHED = 1 << 16;

    private final Vocabulary vocabulary;
    private final MergeTable merges;
    private final PreTokenizer preTokenizer;
    private final boolean wholeWords;
    private final SpecialTokens specials;
    private final int[] byteIds = new int[256];
    private final byte[][] bytes;
    private final Map<String, int[]> cache = new ConcurrentHashMap<>();

    /**
     * @param vocabulary texts in GPT-2's byte alphabet, special tokens literal; every single byte must be a token
     * @param merges pairs of texts with a space between, best first
     * @param preTokenizer cuts the text
     * @throws IllegalArgumentException if a byte has no token or a merge is not made of tokens
     */
    public BpeTokenizer(Vocabulary vocabulary, List<String> merges, PreTokenizer preTokenizer) {
        this(vocabulary, merges, preTokenizer, preTokenizer.wholeWords());
    }

    BpeTokenizer(Vocabulary vocabulary, List<String> merges, PreTokenizer preTokenizer, boolean wholeWords) {
        this.vocabulary = vocabulary;
        this.merges = new MergeTable(merges, vocabulary);
        this.preTokenizer = preTokenizer;
        this.wholeWords = wholeWords;
        this.specials = new SpecialTokens(vocabulary);
        for (int value = 0; value < 256; value++) {
            byteIds[value] = vocabulary.id(String.valueOf(ByteAlphabet.character(value)));
            if (byteIds[value] == Markers.NONE) {
                throw new IllegalArgumentException(String.format("tokens: byte 0x%02x has none", value));
            }
        }
        bytes = new byte[vocabulary.size()][];
        for (int id = 0; id < bytes.length; id++) {
            bytes[id] = bytesOf(vocabulary.kind(id), vocabulary.token(id));
        }
    }

    private static byte[] bytesOf(TokenKind kind, String text) {
        byte[] spelled = kind == TokenKind.NORMAL ? ByteAlphabet.bytes(text) : null;
        return switch (kind) {
            case CONTROL, UNUSED -> new byte[0];
            default -> spelled != null ? spelled : text.getBytes(StandardCharsets.UTF_8);
        };
    }

    @Override
    public Vocabulary vocabulary() {
        return vocabulary;
    }

    /** The merge list, best first. */
    public List<String> merges() {
        return merges.merges();
    }

    /**
     * The same with {@code size} tokens: reserved ones, never produced, fill the rows that many embeddings have beyond their tokens.
     *
     * @throws IllegalArgumentException if there are more tokens than {@code size}
     */
    public BpeTokenizer padded(int size) {
        int count = vocabulary.size();
        if (count > size) {
            throw new IllegalArgumentException("size = " + size + " is less than the " + count + " tokens there are");
        }
        List<String> tokens = new ArrayList<>(vocabulary.tokens());
        List<TokenKind> kinds = new ArrayList<>(vocabulary.kinds());
        for (int id = count; id < size; id++) {
            tokens.add("[PAD" + id + "]");
            kinds.add(TokenKind.UNUSED);
        }
        return new BpeTokenizer(new Vocabulary(tokens, kinds, vocabulary.markers()), merges(), preTokenizer);
    }

    /** What cuts the text. */
    public PreTokenizer preTokenizer() {
        return preTokenizer;
    }

    /** Whether a piece that is a token as a whole skips the merges. */
    boolean wholeWords() {
        return wholeWords;
    }

    @Override
    public int[] encode(String text, boolean addSpecial, boolean parseSpecial) {
        String clean = WellFormed.of(text);
        Markers markers = vocabulary.markers();
        IntList ids = new IntList();
        if (addSpecial && markers.addBos()) {
            ids.add(markers.bos());
        }
        PreTokenizer.Pieces pieces = (from, to) -> piece(clean, from, to, ids);
        specials.split(clean, parseSpecial, (start, end) -> preTokenizer.split(clean, start, end, pieces), ids::add);
        if (addSpecial && markers.addEos()) {
            ids.add(markers.eos());
        }
        return ids.toArray();
    }

    @Override
    public byte[] bytes(int id) {
        vocabulary.token(id); // checks the id
        return bytes[id].clone();
    }

    @Override
    public StreamingDecoder decoder() {
        return new StreamingDecoder(this, false);
    }

    private void piece(String text, int from, int to, IntList ids) {
        String piece = text.substring(from, to);
        int[] known = cache.get(piece);
        if (known == null) {
            known = merged(piece.getBytes(StandardCharsets.UTF_8));
            if (piece.length() <= LONGEST_CACHED && cache.size() < MOST_CACHED) {
                cache.put(piece, known);
            }
        }
        ids.addAll(known);
    }

    private int[] merged(byte[] piece) {
        if (wholeWords) {
            int whole = vocabulary.id(ByteAlphabet.text(piece));
            if (whole != Markers.NONE && vocabulary.kind(whole) == TokenKind.NORMAL) {
                return new int[]{whole};
            }
        }
        int[] symbols = new int[piece.length];
        Arrays.setAll(symbols, i -> byteIds[Byte.toUnsignedInt(piece[i])]);
        int[] places = Merger.run(symbols.length, new Merger.Pairs() {
            @Override
            public long priority(int left, int right) {
                return merges.rank(symbols[left], symbols[right]);
            }

            @Override
            public void join(int left, int right) {
                symbols[left] = merges.result(merges.rank(symbols[left], symbols[right]));
            }
        });
        int[] ids = new int[places.length];
        Arrays.setAll(ids, i -> symbols[places[i]]);
        return ids;
    }
}
