package org.setun.quant.lattice;

/**
 * One bit per value: 256 points of E8 near the origin, for the residual of {@link E8pCodebook}. Point 0 is the origin; 1 to 112 are
 * ±e_i ± e_j with i &lt; j (pairs in lexicographic order, four signs each: bit 0 is minus for i, bit 1 for j); 113 to 240 are (±½)^8 with an
 * even number of minus signs (seven bits for entries 0 to 6); 241 to 255 are +2e_0, −2e_0, +2e_1 and on to +2e_7.
 */
final class E8Shell {

    static final int DIMENSION = 8;

    private static final int PAIRS = 1;
    private static final int HALVES = 113;
    private static final int DOUBLES = 241;
    /** Twice the entries. */
    private static final byte[] TABLE = new byte[256 * DIMENSION];

    static {
        for (int i = 0; i < DIMENSION; i++) {
            for (int j = i + 1; j < DIMENSION; j++) {
                for (int signs = 0; signs < 4; signs++) {
                    int at = (PAIRS + pair(i, j) * 4 + signs) * DIMENSION;
                    TABLE[at + i] = (byte) ((signs & 1) == 0 ? 2 : -2);
                    TABLE[at + j] = (byte) ((signs & 2) == 0 ? 2 : -2);
                }
            }
        }
        for (int signs = 0; signs < 128; signs++) {
            int all = signs | (Integer.bitCount(signs) & 1) << 7;
            for (int i = 0; i < DIMENSION; i++) {
                TABLE[(HALVES + signs) * DIMENSION + i] = (byte) ((all >>> i & 1) == 0 ? 1 : -1);
            }
        }
        for (int code = DOUBLES; code < 256; code++) {
            TABLE[code * DIMENSION + (code - DOUBLES) / 2] = (byte) ((code - DOUBLES) % 2 == 0 ? 4 : -4);
        }
    }

    private E8Shell() {
    }

    /** The rank of a pair i &lt; j in lexicographic order. */
    private static int pair(int i, int j) {
        return i * (15 - i) / 2 + j - i - 1;
    }

    /** Twice the entries of all points: 256 of 8; a copy. */
    static byte[] table() {
        return TABLE.clone();
    }

    /** Twice entry {@code i} of point {@code code}. */
    static int twice(int code, int i) {
        return TABLE[code * DIMENSION + i];
    }

    /** The code of the point nearest to eight values. */
    static int nearest(float[] x) {
        int first = 0;
        int second = -1;
        int smallest = 0;
        int negative = 0;
        float half = 0;
        for (int i = 0; i < DIMENSION; i++) {
            float y = Math.abs(x[i]);
            half += 0.5f * y;
            negative |= x[i] < 0 ? 1 << i : 0;
            if (i > 0) {
                if (y > Math.abs(x[first])) {
                    second = first;
                    first = i;
                } else if (second < 0 || y > Math.abs(x[second])) {
                    second = i;
                }
            }
            smallest = y < Math.abs(x[smallest]) ? i : smallest;
        }
        float y0 = Math.abs(x[first]);
        float y1 = Math.abs(x[second]);
        boolean odd = (Integer.bitCount(negative) & 1) == 1;
        float best = 0;
        int code = 0;
        float score = y0 + y1 - 1;
        if (score > best) {
            best = score;
            int i = Math.min(first, second);
            int j = Math.max(first, second);
            code = PAIRS + pair(i, j) * 4 + (negative >>> i & 1) + 2 * (negative >>> j & 1);
        }
        score = half - (odd ? Math.abs(x[smallest]) : 0) - 1;
        if (score > best) {
            best = score;
            code = HALVES + ((odd ? negative ^ 1 << smallest : negative) & 0x7F);
        }
        // −2e_7 is the one that has no code; the next best of its shape never beats the pair with the same first entry
        int doubled = DOUBLES + 2 * first + (negative >>> first & 1);
        if (2 * y0 - 2 > best && doubled < 256) {
            code = doubled;
        }
        return code;
    }
}
