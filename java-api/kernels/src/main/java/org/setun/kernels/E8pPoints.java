package org.setun.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * The points that the E8P formats store eight values as. The first stage is E8P of QuIP# (arXiv 2402.04396): 65,536 points near the
 * origin of E8 + ¼, in 16 bits. D̂8 is the set of vectors whose eight entries are halves of odd numbers and have an even sum; E8 + ¼ is
 * D̂8 + ¼ together with D̂8 − ¼. The points of D̂8 are patterns of magnitudes with signs: the 227 patterns of square norm 10 and less,
 * and the first 29 in lexicographic order of the 56 of norm 12 with five entries 3/2.
 *
 * <pre>
 * bits 0-7    pattern, sorted by norm, then lexicographically
 * bits 8-14   signs of entries 0 to 6, 1 is minus; the parity of the sum leaves one sign for entry 7
 * bit 15      shift: 0 adds ¼ to all entries, 1 takes ¼ away
 * </pre>
 *
 * <p>The shell, one bit per value, is 256 points of E8 near the origin. Point 0 is the origin; 1 to 112 are ±e_i ± e_j with i &lt; j
 * (pairs in lexicographic order, four signs each: bit 0 is minus for i, bit 1 for j); 113 to 240 are (±½)^8 with an even number of minus
 * signs (seven bits for entries 0 to 6); 241 to 255 are +2e_0, −2e_0, +2e_1 and on to +2e_7.
 */
public final class E8pPoints {

    /** Entries per point. */
    public static final int DIMENSION = 8;
    /** Patterns of magnitudes, points of the shell. */
    public static final int PATTERNS = 256;
    /** The first point of the shell with two entries, with eight, and with one of 2. */
    public static final int SHELL_PAIRS = 1;
    /** See {@link #SHELL_PAIRS}. */
    public static final int SHELL_HALVES = 113;
    /** See {@link #SHELL_PAIRS}. */
    public static final int SHELL_DOUBLES = 241;

    private static final int OUTER = 29;
    /** Twice the magnitudes of each pattern. */
    private static final byte[] MAGNITUDES = new byte[PATTERNS * DIMENSION];
    /** Twice the entries of the shell. */
    private static final byte[] SHELL = new byte[PATTERNS * DIMENSION];

    static {
        List<byte[]> patterns = patterns();
        for (int p = 0; p < PATTERNS; p++) {
            System.arraycopy(patterns.get(p), 0, MAGNITUDES, p * DIMENSION, DIMENSION);
        }
        for (int i = 0; i < DIMENSION; i++) {
            for (int j = i + 1; j < DIMENSION; j++) {
                for (int signs = 0; signs < 4; signs++) {
                    int at = (SHELL_PAIRS + pair(i, j) * 4 + signs) * DIMENSION;
                    SHELL[at + i] = (byte) ((signs & 1) == 0 ? 2 : -2);
                    SHELL[at + j] = (byte) ((signs & 2) == 0 ? 2 : -2);
                }
            }
        }
        for (int signs = 0; signs < 128; signs++) {
            int all = signs | (Integer.bitCount(signs) & 1) << 7;
            for (int i = 0; i < DIMENSION; i++) {
                SHELL[(SHELL_HALVES + signs) * DIMENSION + i] = (byte) ((all >>> i & 1) == 0 ? 1 : -1);
            }
        }
        for (int code = SHELL_DOUBLES; code < PATTERNS; code++) {
            SHELL[code * DIMENSION + (code - SHELL_DOUBLES) / 2] = (byte) ((code - SHELL_DOUBLES) % 2 == 0 ? 4 : -4);
        }
    }

    private E8pPoints() {
    }

    /** Twice the magnitudes: 1, 3 and 5. */
    private static List<byte[]> patterns() {
        List<byte[]> inner = new ArrayList<>();
        List<byte[]> outer = new ArrayList<>();
        byte[] pattern = new byte[DIMENSION];
        for (int word = 0; word < 6561; word++) { // all of {1, 3, 5}^8, in lexicographic order
            int rest = word;
            boolean five = false;
            for (int i = DIMENSION - 1; i >= 0; i--) {
                pattern[i] = (byte) (1 + 2 * (rest % 3));
                rest /= 3;
                five |= pattern[i] == 5;
            }
            if (norm(pattern) <= 4 * 10) {
                inner.add(pattern.clone());
            } else if (norm(pattern) == 4 * 12 && !five && outer.size() < OUTER) {
                outer.add(pattern.clone());
            }
        }
        inner.sort(Comparator.comparingInt(E8pPoints::norm));
        inner.addAll(outer);
        return inner;
    }

    private static int norm(byte[] doubled) {
        int norm = 0;
        for (byte entry : doubled) {
            norm += entry * entry;
        }
        return norm;
    }

    /** The rank of a pair i &lt; j in lexicographic order. */
    public static int pair(int i, int j) {
        return i * (15 - i) / 2 + j - i - 1;
    }

    /** Twice the magnitudes of a pattern: eight of 1, 3 and 5. */
    public static byte[] magnitudes(int pattern) {
        return Arrays.copyOfRange(MAGNITUDES, pattern * DIMENSION, (pattern + 1) * DIMENSION);
    }

    /** Four times the entries of point {@code code} (16 bits), odd integers in [−11, 11], into {@code point} from index {@code to}. */
    public static void decode(int code, int[] point, int to) {
        int signs = code >>> 8 & 0x7F;
        int from = (code & 0xFF) * DIMENSION;
        int shift = 1 - (code >>> 14 & 2);
        int sum = 0; // twice that of the signed entries 0 to 6; with entry 7 it must be a multiple of 4
        for (int i = 0; i < DIMENSION - 1; i++) {
            int doubled = (signs >>> i & 1) == 0 ? MAGNITUDES[from + i] : -MAGNITUDES[from + i];
            sum += doubled;
            point[to + i] = 2 * doubled + shift;
        }
        int last = MAGNITUDES[from + DIMENSION - 1];
        point[to + DIMENSION - 1] = 2 * ((sum + last) % 4 == 0 ? last : -last) + shift;
    }

    /** Twice entry {@code i} of point {@code code} (8 bits) of the shell. */
    public static int shell(int code, int i) {
        return SHELL[code * DIMENSION + i];
    }

    /**
     * What values of {@code bits} bits are, as integers: their entries times {@link #divisor}. For 2 bits that is the point of the first
     * stage; for 3 the shell is added at half its size, for 4 E8P again at 2/7.
     *
     * @param codes the first stage in bits 0 to 15, the second from bit 16
     */
    public static void integers(int bits, int codes, int[] point, int to) {
        decode(codes & 0xFFFF, point, to);
        if (bits == 3) {
            for (int i = 0; i < DIMENSION; i++) {
                point[to + i] += shell(codes >>> 16 & 0xFF, i);
            }
        } else if (bits == 4) {
            int[] second = new int[DIMENSION];
            decode(codes >>> 16, second, 0);
            for (int i = 0; i < DIMENSION; i++) {
                point[to + i] = 7 * point[to + i] + 2 * second[i];
            }
        }
    }

    /** 4 for 2 and 3 bits (integers up to 11 and 15 in magnitude), 28 for 4 bits (up to 99). */
    public static int divisor(int bits) {
        return bits == 4 ? 28 : 4;
    }
}
