package org.setun.quant.lattice;

import org.setun.kernels.E8pPoints;
import org.setun.quant.rounding.Grid;

/**
 * The points of {@link E8pPoints}: E8P and, for more than two bits, a second stage for what is left, the shell at half the size (3 bits), or
 * E8P again at 2/7 (4 bits). Both factors are such that all entries are integers over {@link #divisor}, so that products with the codes are
 * exact; they are within 1 % of the best ones for normal values (QuIP# has 1/2.04 and 1/3.45).
 *
 * @param bits per value: 2, 3 or 4
 */
record E8pGrid(int bits) implements Grid {

    private static final int EIGHT = E8pPoints.DIMENSION;

    E8pGrid {
        if (bits < 2 || bits > 4) {
            throw new IllegalArgumentException("bits = " + bits + " must be 2, 3 or 4");
        }
    }

    int divisor() {
        return E8pPoints.divisor(bits);
    }

    @Override
    public int dimension() {
        return EIGHT;
    }

    @Override
    public float most() {
        return E8pCodebook.MOST;
    }

    @Override
    public int levels() {
        return switch (bits) {
            case 2 -> 6;
            case 3 -> 15;
            default -> 99;
        };
    }

    @Override
    public void nearest(float[] x, int from, float inverse, float[] point, int to) {
        int[] integers = new int[EIGHT];
        integers(codes(x, from, inverse), integers);
        for (int i = 0; i < EIGHT; i++) {
            point[to + i] = (float) integers[i] / divisor();
        }
    }

    /**
     * The codes for {@code x * inverse}: the first stage in bits 0 to 15, the second from bit 16. Both halves of the first stage are tried with
     * their second stages, and the better pair wins; a pair of other points may be better still.
     */
    int codes(float[] x, int from, float inverse) {
        if (bits == 2) {
            return E8pCodebook.nearest(x, from, inverse);
        }
        int best = 0;
        float least = Float.POSITIVE_INFINITY;
        int[] point = new int[EIGHT];
        float[] rest = new float[EIGHT];
        for (int half = 0; half < 2; half++) {
            int code = (int) E8pCodebook.nearest(x, from, inverse, half == 1) & 0xFFFF;
            E8pPoints.decode(code, point, 0);
            for (int i = 0; i < EIGHT; i++) {
                rest[i] = x[from + i] * inverse - 0.25f * point[i];
            }
            code |= second(rest) << 16;
            integers(code, point);
            float error = 0;
            for (int i = 0; i < EIGHT; i++) {
                float difference = x[from + i] * inverse - (float) point[i] / divisor();
                error += difference * difference;
            }
            if (error < least) {
                least = error;
                best = code;
            }
        }
        return best;
    }

    private int second(float[] rest) {
        if (bits == 4) {
            return E8pCodebook.nearest(rest, 0, 3.5f);
        }
        for (int i = 0; i < EIGHT; i++) {
            rest[i] *= 2;
        }
        return E8Shell.nearest(rest);
    }

    /** The entries of a pair of codes times {@link #divisor}. */
    void integers(int codes, int[] point) {
        E8pPoints.integers(bits, codes, point, 0);
    }
}
