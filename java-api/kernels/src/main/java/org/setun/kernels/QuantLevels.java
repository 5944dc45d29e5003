package org.setun.kernels;

/**
 * Levels at equal distances: code q of {@code [lowest, highest]} stands for {@code (q + shift) / divisions}, in units of a scale.
 *
 * @param lowest    the lowest code, at least -128
 * @param highest   the highest code, above {@code lowest}, at most 127
 * @param shift     what is added to a code, finite
 * @param divisions levels per unit of the scale, > 0
 */
public record QuantLevels(int lowest, int highest, float shift, float divisions) {

    public QuantLevels {
        if (lowest < Byte.MIN_VALUE || highest > Byte.MAX_VALUE || lowest >= highest) {
            throw new IllegalArgumentException("codes [" + lowest + ", " + highest + "] must rise and fit a byte");
        }
        if (!Float.isFinite(shift) || !(divisions > 0) || Float.isInfinite(divisions)) {
            throw new IllegalArgumentException("shift = " + shift + ", divisions = " + divisions + " must be finite, divisions > 0");
        }
    }

    /** -1 and 1; 0 counts as positive. */
    public static QuantLevels binary() {
        return new QuantLevels(-1, 0, 0.5f, 0.5f);
    }

    /** -1, 0, 1. */
    public static QuantLevels ternary() {
        return new QuantLevels(-1, 1, 0, 1);
    }

    /** Two's complement: {@code -2^(bits-1)} to {@code 2^(bits-1) - 1}; 2 to 8 bits. */
    public static QuantLevels signed(int bits) {
        int half = half(bits, 2);
        return new QuantLevels(-half, half - 1, 0, 1);
    }

    /** As many levels on either side of 0: {@code -(2^(bits-1) - 1)} to {@code 2^(bits-1) - 1}; 2 to 8 bits. */
    public static QuantLevels symmetric(int bits) {
        int half = half(bits, 2);
        return new QuantLevels(1 - half, half - 1, 0, 1);
    }

    /** {@code 2^bits} half-integers, none of them 0: {@code ±1/2, ±3/2, …}; 1 to 8 bits. */
    public static QuantLevels midRise(int bits) {
        int half = half(bits, 1);
        return new QuantLevels(-half, half - 1, 0.5f, 1);
    }

    /** 0 to {@code 2^bits - 1}, for values that are never negative; 1 to 8 bits. */
    public static QuantLevels unsigned(int bits) {
        int half = half(bits, 1);
        return new QuantLevels(-half, half - 1, half, 1);
    }

    /** SEQ of ParetoQ (arXiv 2502.02631) with three levels: -2/3, 0, 2/3 of the scale, which is the largest magnitude at first. */
    public static QuantLevels stretchedTernary() {
        return new QuantLevels(-1, 1, 0, 1.5f);
    }

    /** SEQ of ParetoQ (arXiv 2502.02631) with four levels: ±1/4 and ±3/4 of the scale. */
    public static QuantLevels stretched2Bit() {
        return new QuantLevels(-2, 1, 0.5f, 2);
    }

    /** How many levels there are. */
    public int count() {
        return highest - lowest + 1;
    }

    /** What a code stands for, in units of the scale. */
    public float level(int code) {
        return (code + shift) * (1 / divisions);
    }

    private static int half(int bits, int least) {
        if (bits < least || bits > 8) {
            throw new IllegalArgumentException("bits = " + bits + " must be " + least + " to 8");
        }
        return 1 << bits - 1;
    }
}
