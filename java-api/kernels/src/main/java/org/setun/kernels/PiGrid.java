package org.setun.kernels;

import java.util.Arrays;

/**
 * The levels of a pi format, in units of a block's step, and the rule that rounds to them. A code of 2 or 3 bits is an index into the levels,
 * which rise. There are two kinds: <em>uniform</em> levels are the integers of two's complement, {@code -2^(bits-1)} to
 * {@code 2^(bits-1) - 1}; <em>symmetric</em> ones are up to four int8 magnitudes with either sign, without a zero.
 *
 * <p>Values are rounded to the nearest level. A tie goes to the even integer on a uniform grid (one rounding rule with all other codes of
 * Setun), and towards zero on a symmetric one; zero itself gets the smallest positive level there.
 */
public final class PiGrid {

    /** Values that share a step. */
    public static final int BLOCK = 256;

    /** The largest K of a tangent grid: nearly uniform. */
    public static final int MOST_SHAPE = 1000;

    /** The largest level of a {@linkplain #tangent tangent grid}. */
    public static final int LARGEST_LEVEL = 127;

    private final int bits;
    private final boolean uniform;
    private final int[] levels;

    private PiGrid(int bits, boolean uniform, int[] levels) {
        this.bits = bits;
        this.uniform = uniform;
        this.levels = levels;
    }

    /**
     * The integers {@code -2^(bits-1)} to {@code 2^(bits-1) - 1}.
     *
     * @param bits 2 or 3
     */
    public static PiGrid uniform(int bits) {
        int half = half(bits);
        int[] levels = new int[2 * half];
        Arrays.setAll(levels, code -> code - half);
        return new PiGrid(bits, true, levels);
    }

    /**
     * Plus and minus each magnitude.
     *
     * @param bits       2 or 3
     * @param magnitudes {@code 2^(bits-1)} of them, rising, in [1, 127]
     */
    public static PiGrid symmetric(int bits, int... magnitudes) {
        int half = half(bits);
        if (magnitudes.length != half) {
            throw new IllegalArgumentException(magnitudes.length + " magnitudes, must be " + half + " for bits = " + bits);
        }
        int[] levels = new int[2 * half];
        for (int i = 0; i < half; i++) {
            if (magnitudes[i] <= (i == 0 ? 0 : magnitudes[i - 1]) || magnitudes[i] > LARGEST_LEVEL) {
                throw new IllegalArgumentException("magnitudes = " + Arrays.toString(magnitudes) + " must rise within [1, 127]");
            }
            levels[half + i] = magnitudes[i];
            levels[half - 1 - i] = -magnitudes[i];
        }
        return new PiGrid(bits, false, levels);
    }

    /**
     * The tangent grid: magnitudes in proportion to {@code tan(pi * (2 i + 1) / (2 K))}, the largest scaled to 127 and all rounded to integers.
     * A small K spreads the levels for heavy tails; a large K makes them equidistant.
     *
     * @param bits  2 or 3
     * @param shape K, from {@link #leastShape} to {@link #MOST_SHAPE}
     */
    public static PiGrid tangent(int bits, int shape) {
        int half = half(bits);
        if (shape < leastShape(bits) || shape > MOST_SHAPE) {
            throw new IllegalArgumentException(
                    "K = " + shape + " must be in [" + leastShape(bits) + ", " + MOST_SHAPE + "] for bits = " + bits);
        }
        double largest = tangentOf(2 * half - 1, shape);
        int[] magnitudes = new int[half];
        Arrays.setAll(magnitudes, i -> (int) Math.rint(LARGEST_LEVEL * tangentOf(2 * i + 1, shape) / largest));
        return symmetric(bits, magnitudes);
    }

    /** The least K of a tangent grid, the first for which the outermost level is finite: {@code 2^bits}. */
    public static int leastShape(int bits) {
        return 2 * half(bits);
    }

    private static double tangentOf(int odd, int shape) {
        return StrictMath.tan(Math.PI * odd / (2 * shape));
    }

    private static int half(int bits) {
        if (bits != 2 && bits != 3) {
            throw new IllegalArgumentException("bits = " + bits + " must be 2 or 3");
        }
        return 1 << bits - 1;
    }

    /** Bits of a code. */
    public int bits() {
        return bits;
    }

    /** True for the integers of two's complement. */
    public boolean isUniform() {
        return uniform;
    }

    /** The positive magnitudes of a symmetric grid, rising; empty for a uniform one. */
    public int[] magnitudes() {
        return uniform ? new int[0] : Arrays.copyOfRange(levels, levels.length / 2, levels.length);
    }

    /** The magnitudes as the C functions take them, number i in byte i; 0 for a uniform grid. */
    public int packedMagnitudes() {
        int packed = 0;
        for (int i = levels.length / 2; i < levels.length && !uniform; i++) {
            packed |= levels[i] << 8 * (i - levels.length / 2);
        }
        return packed;
    }

    /** Bytes of a block: the codes, then the step in f16. */
    public int blockBytes() {
        return BLOCK * bits / 8 + 2;
    }

    /** The code of +0: that of values in blocks whose step is 0 or NaN. */
    public int zeroCode() {
        return levels.length / 2;
    }

    /** The level of a code in {@code [0, 2^bits)}. */
    public int level(int code) {
        return levels[code];
    }

    /** The code of the level nearest to {@code z}, a finite value in units of the step. */
    public int code(float z) {
        int half = levels.length / 2;
        if (uniform) {
            return half + (int) Math.clamp(Math.rint(z), -half, half - 1);
        }
        float magnitude = Math.abs(z);
        int i = 0;
        while (i < half - 1 && magnitude > (levels[half + i] + levels[half + i + 1]) * 0.5f) {
            i++;
        }
        return z < 0 ? half - 1 - i : half + i;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof PiGrid grid && grid.uniform == uniform && Arrays.equals(grid.levels, levels);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(levels);
    }

    @Override
    public String toString() {
        return (uniform ? "uniform" : "symmetric") + Arrays.toString(levels);
    }
}
