package org.setun.formats.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.setun.formats.internal.IntList;

/**
 * SentencePiece's BPE as llama.cpp and llama2.c run it: characters are joined, best score first, as long as the join is a token; what is
 * left without a token falls back to byte tokens. Spaces are written {@code ▁} in the vocabulary.
 */
public final class SpmTokenizer implements Tokenizer {

    /** Stands for the space in token texts. */
    public static final char SPACE = '\u2581';

    private static final byte[] UNKNOWN = " \u2047 ".getBytes(StandardCharsets.UTF_8);

    private final Vocabulary vocabulary;
    private final float[] scores;
    private final boolean spacePrefix;
    private final SpecialTokens specials;
    private final int[] byteIds = new int[256];
    private final byte[][] bytes;
    private final int longest;

    /**
     * @param vocabulary texts with {@code ▁} for spaces
     * @param scores one per token, higher first; no NaN
     * @param spacePrefix whether a space goes before the text and after each special token
     * @throws IllegalArgumentException if the scores do not fit, or a byte token is badly written
     */
    public SpmTokenizer(Vocabulary vocabulary, float[] scores, boolean spacePrefix) {
        if (scores.length != vocabulary.size()) {
            throw new IllegalArgumentException("scores = " + scores.length + " for " + vocabulary.size() + " tokens, allowed is one each");
        }
        this.vocabulary = vocabulary;
        this.scores = scores.clone();
        this.spacePrefix = spacePrefix;
        this.specials = new SpecialTokens(vocabulary);
        Arrays.fill(byteIds, vocabulary.markers().unknown());
        bytes = new byte[vocabulary.size()][];
        int most = 0;
        for (int id = 0; id < bytes.length; id++) {
            if (Float.isNaN(scores[id])) {
                throw new IllegalArgumentException("score of token " + id + " is NaN");
            }
            String text = vocabulary.token(id);
            most = Math.max(most, text.length());
            bytes[id] = switch (vocabulary.kind(id)) {
                case CONTROL, UNUSED -> new byte[0];
                case UNKNOWN -> UNKNOWN;
                case BYTE -> {
                    int value = byteValue(id, text);
                    byteIds[value] = id;
                    yield new byte[]{(byte) value};
                }
                case NORMAL, USER_DEFINED -> text.replace(SPACE, ' ').getBytes(StandardCharsets.UTF_8);
            };
        }
        longest = most;
    }

    private static int byteValue(int id, String text) {
        if (!text.matches("<0x[0-9A-Fa-f]{2}>")) {
            throw new IllegalArgumentException("token " + id + " = '" + text + "' is a byte, allowed is <0xNN>");
        }
        return Integer.parseInt(text, 3, 5, 16);
    }

    @Override
    public Vocabulary vocabulary() {
        return vocabulary;
    }

    /** The scores by id. */
    public float[] scores() {
        return scores.clone();
    }

    /** Whether a space goes before the text. */
    public boolean spacePrefix() {
        return spacePrefix;
    }

    @Override
    public int[] encode(String text, boolean addSpecial, boolean parseSpecial) {
        String clean = WellFormed.of(text);
        Markers markers = vocabulary.markers();
        IntList ids = new IntList();
        if (addSpecial && markers.addBos()) {
            ids.add(markers.bos());
        }
        boolean[] afterSpecial = {true};
        specials.split(clean, parseSpecial, (start, end) -> {
            String prefix = spacePrefix && afterSpecial[0] ? " " : "";
            plain((prefix + clean.substring(start, end)).replace(' ', SPACE), ids);
            afterSpecial[0] = false;
        }, id -> {
            ids.add(id);
            afterSpecial[0] = true;
        });
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
        return new StreamingDecoder(this, spacePrefix);
    }

    private void plain(String text, IntList ids) {
        int count = text.codePointCount(0, text.length());
        int[] starts = new int[count];
        int[] ends = new int[count];
        for (int i = 0, at = 0; i < count; i++) {
            starts[i] = at;
            at += Character.charCount(text.codePointAt(at));
            ends[i] = at;
        }
        int[] places = Merger.run(count, new Merger.Pairs() {
            @Override
            public long priority(int left, int right) {
                int id = ends[right] - starts[left] > longest ? Markers.NONE : vocabulary.id(text.substring(starts[left], ends[right]));
                return id == Markers.NONE ? -1 : descending(scores[id]);
            }

            @Override
            public void join(int left, int right) {
                ends[left] = ends[right];
            }
        });
        for (int place : places) {
            symbol(text.substring(starts[place], ends[place]), ids);
        }
    }

    private void symbol(String symbol, IntList ids) {
        int id = vocabulary.id(symbol);
        if (id != Markers.NONE) {
            ids.add(id);
            return;
        }
        for (byte value : symbol.getBytes(StandardCharsets.UTF_8)) {
            if (byteIds[Byte.toUnsignedInt(value)] != Markers.NONE) { // without byte and unknown tokens the character is lost
                ids.add(byteIds[Byte.toUnsignedInt(value)]);
            }
        }
    }

    /** Maps floats to 0 .. 2^32 - 1 so that a higher score is a lower number. */
    private static long descending(float score) {
        int bits = Float.floatToIntBits(score + 0f); // -0 becomes 0
        int ascending = bits ^ bits >> 31 & Integer.MAX_VALUE;
        return Integer.toUnsignedLong(~ascending ^ Integer.MIN_VALUE);
    }
}
