package org.setun.quant.lattice;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.setun.kernels.E8pPoints;

/** Nearest points of the first stage of {@link E8pPoints}, without trying all 65,536. */
public final class E8pCodebook {

    /** The largest magnitude of an entry. */
    public static final float MOST = 2.75f;

    private static final int DIMENSION = E8pPoints.DIMENSION;
    /** The pattern by the set of entries that are 3/2, the others being ½; −1 if there is none. */
    private static final short[] BY_RAISED = new short[256];
    /** The pattern by the entry that is 5/2 and the one that is 3/2; the same twice: none is 3/2. */
    private static final short[] BY_LARGEST = new short[64];
    /** The sets of five entries 3/2 that are in. */
    private static final int[] FIVES;

    static {
        Arrays.fill(BY_RAISED, (short) -1);
        IntStream.Builder fives = IntStream.builder();
        for (int p = 0; p < E8pPoints.PATTERNS; p++) {
            byte[] doubled = E8pPoints.magnitudes(p);
            int raised = 0;
            int largest = -1;
            for (int i = 0; i < DIMENSION; i++) {
                raised |= doubled[i] == 3 ? 1 << i : 0;
                largest = doubled[i] == 5 ? i : largest;
            }
            if (largest >= 0) {
                BY_LARGEST[largest * 8 + (raised == 0 ? largest : Integer.numberOfTrailingZeros(raised))] = (short) p;
                continue;
            }
            BY_RAISED[raised] = (short) p;
            if (Integer.bitCount(raised) == 5) {
                fives.add(raised);
            }
        }
        FIVES = fives.build().toArray();
    }

    private E8pCodebook() {
    }

    /**
     * The nearest point of one of the two halves, D̂8 + ¼ or D̂8 − ¼. For a vector with its entries sorted by magnitude the best pattern of each
     * shape has its large entries first, and a sign that must change is that of the smallest; so seven shapes are compared, and the 29
     * patterns of norm 12 only where the best of all 56 would win. Every point of least distance may be returned where there are several.
     *
     * @param minus the half: D̂8 − ¼
     * @return the code, and in the upper 32 bits the square distance as a float
     */
    static long nearest(float[] x, int from, float inverse, boolean minus) {
        float shift = minus ? 0.25f : -0.25f;
        int negative = 0;
        float norm = 0;
        float half = 0;
        long k0 = 0;
        long k1 = 0;
        long k2 = 0;
        long k3 = 0;
        long k4 = 0;
        long k5 = 0;
        long k6 = 0;
        long k7 = 0;
        for (int i = 0; i < DIMENSION; i++) {
            float value = x[from + i] * inverse + shift;
            int bits = Float.floatToRawIntBits(value);
            negative |= (bits >>> 31) << i;
            float magnitude = Math.abs(value);
            norm += magnitude * magnitude;
            half += magnitude;
            long key = (long) (bits & 0x7FFFFFFF) << 3 | i;
            // insertion: the keys fall from k0 to k7
            long low = Math.min(k0, key);
            k0 = Math.max(k0, key);
            key = low;
            low = Math.min(k1, key);
            k1 = Math.max(k1, key);
            key = low;
            low = Math.min(k2, key);
            k2 = Math.max(k2, key);
            key = low;
            low = Math.min(k3, key);
            k3 = Math.max(k3, key);
            key = low;
            low = Math.min(k4, key);
            k4 = Math.max(k4, key);
            key = low;
            low = Math.min(k5, key);
            k5 = Math.max(k5, key);
            key = low;
            low = Math.min(k6, key);
            k6 = Math.max(k6, key);
            k7 = Math.max(k7, low);
        }
        half *= 0.5f;
        float y0 = magnitude(k0);
        float y1 = magnitude(k1);
        float y2 = magnitude(k2);
        float y3 = magnitude(k3);
        float y7 = magnitude(k7);
        // the score of a point is x·v − |v|²/2; the sum of the magnitudes of k entries 3/2 is 4 + k, so its parity must be that of the minus signs
        int odd = Integer.bitCount(negative) & 1;
        float even = odd == 0 ? half : half - y7;
        float uneven = odd == 0 ? half - y7 : half;
        float best = even - 1;
        int shape = 0;
        float score = uneven + y0 - 2;
        if (score > best) {
            best = score;
            shape = 1;
        }
        score = even + y0 + y1 - 3;
        if (score > best) {
            best = score;
            shape = 2;
        }
        score = uneven + y0 + y1 + y2 - 4;
        if (score > best) {
            best = score;
            shape = 3;
        }
        score = even + y0 + y1 + y2 + y3 - 5;
        if (score > best) {
            best = score;
            shape = 4;
        }
        score = even + 2 * y0 - 4;
        if (score > best) {
            best = score;
            shape = 5;
        }
        score = uneven + 2 * y0 + y1 - 5;
        if (score > best) {
            best = score;
            shape = 6;
        }
        int i0 = (int) k0 & 7;
        int i1 = (int) k1 & 7;
        int flip = 1 << ((int) k7 & 7);
        boolean mismatch = odd != (shape == 1 || shape == 3 || shape == 6 ? 1 : 0);
        int pattern = switch (shape) {
            case 0 -> BY_RAISED[0];
            case 1 -> BY_RAISED[1 << i0];
            case 2 -> BY_RAISED[1 << i0 | 1 << i1];
            case 3 -> BY_RAISED[1 << i0 | 1 << i1 | 1 << (k2 & 7)];
            case 4 -> BY_RAISED[1 << i0 | 1 << i1 | 1 << (k2 & 7) | 1 << (k3 & 7)];
            case 5 -> BY_LARGEST[i0 * 8 + i0];
            default -> BY_LARGEST[i0 * 8 + i1];
        };
        if (uneven + y0 + y1 + y2 + y3 + magnitude(k4) - 6 > best) {
            long outer = outer(new long[]{k0, k1, k2, k3, k4, k5, k6, k7}, half, odd == 0);
            float found = Float.intBitsToFloat((int) (outer >>> 32));
            if (found > best) {
                best = found;
                pattern = BY_RAISED[(int) outer & 0xFF];
                flip = (int) outer >>> 8 & 0xFF;
                mismatch = flip != 0;
            }
        }
        int signs = mismatch ? negative ^ flip : negative;
        int code = pattern | (signs & 0x7F) << 8 | (minus ? 0x8000 : 0);
        return (long) Float.floatToRawIntBits(norm - 2 * best) << 32 | code;
    }

    /** The best of the patterns of norm 12: its score in the upper 32 bits, the sign to change (a bit, or 0) and the entries 3/2 below. */
    private static long outer(long[] keys, float half, boolean change) {
        float[] y = new float[DIMENSION];
        for (long key : keys) {
            y[(int) key & 7] = magnitude(key);
        }
        float best = Float.NEGATIVE_INFINITY;
        int found = 0;
        for (int raised : FIVES) {
            float score = half - 6;
            float cost = Float.POSITIVE_INFINITY;
            int flip = 0;
            for (int i = 0; i < DIMENSION; i++) {
                boolean up = (raised >>> i & 1) != 0;
                score += up ? y[i] : 0;
                float changed = up ? 3 * y[i] : y[i];
                if (changed < cost) {
                    cost = changed;
                    flip = 1 << i;
                }
            }
            score -= change ? cost : 0;
            if (score > best) {
                best = score;
                found = raised | (change ? flip << 8 : 0);
            }
        }
        return (long) Float.floatToRawIntBits(best) << 32 | found;
    }

    private static float magnitude(long key) {
        return Float.intBitsToFloat((int) (key >>> 3));
    }

    /** The code of the point nearest to {@code x[from] * inverse} and the seven values behind it. */
    public static int nearest(float[] x, int from, float inverse) {
        long plus = nearest(x, from, inverse, false);
        long minus = nearest(x, from, inverse, true);
        return (int) (distance(minus) < distance(plus) ? minus : plus) & 0xFFFF;
    }

    static float distance(long nearest) {
        return Float.intBitsToFloat((int) (nearest >>> 32));
    }
}
