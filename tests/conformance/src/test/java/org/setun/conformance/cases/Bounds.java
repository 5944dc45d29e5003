package org.setun.conformance.cases;

/** Error bounds from reduction lengths (docs/numerics.md). */
final class Bounds {

    /** Unit roundoff of fp32. */
    static final double U = 0x1p-24;

    /** Roundings of one exp, cos or sin, and of what is done with it. */
    static final double FUNCTION = 12;

    /** Below it, kernels that multiply bf16 count values as 0. */
    static final double FLUSHED = 0x1p-126;

    /** What underflow may cost: far below any normal float. */
    private static final double UNDERFLOW = 1e-41;

    private Bounds() {
    }

    /** A sum in any order, of terms whose magnitudes add up to {@code magnitude}, after {@code roundings} roundings per term. */
    static double sum(double roundings, double magnitude) {
        return roundings * U * magnitude + UNDERFLOW * (1 + roundings);
    }

    /** Sum of |values[first .. first + count)|. */
    static double absolute(float[] values, long first, long count) {
        double sum = 0;
        for (long i = first; i < first + count; i++) {
            sum += Math.abs(values[(int) i]);
        }
        return sum;
    }
}
