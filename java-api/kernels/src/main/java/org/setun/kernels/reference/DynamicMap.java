package org.setun.kernels.reference;

/**
 * The dynamic maps of 8-bit optimizer state (arXiv 2110.02861; contract: {@code setun/optim.h}): 0, 1, and seven decades of equally distant levels,
 * {@code first} in the lowest decade and twice as many in each one above.
 */
final class DynamicMap {

    /** Of first moments: codes -127 to 127, and -128 for 1. */
    static final DynamicMap SIGNED = new DynamicMap(1, true);
    /** Of second moments: codes 2 to 255, 0 for 0 and 1 for 1. */
    static final DynamicMap UNSIGNED = new DynamicMap(2, false);

    private static final int DECADES = 7;
    private static final double[] SCALES = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0};

    private final int first;
    private final boolean signed;

    private DynamicMap(int first, boolean signed) {
        this.first = first;
        this.signed = signed;
    }

    /** The level of a code. */
    float level(byte code) {
        return level(code, 1);
    }

    /** The level of a code, times {@code scale}. */
    float level(byte code, float scale) {
        int q = signed ? Math.abs(code) : Byte.toUnsignedInt(code);
        if (q == 0) {
            return 0 * scale;
        }
        if (signed ? q == 128 : q == 1) {
            return scale;
        }
        int levels = Integer.highestOneBit(q);
        double decade = SCALES[Integer.numberOfTrailingZeros(levels / first)];
        float level = (float) (0.9 * decade / levels) * scale * q + (float) (decade * (0.1 - 0.9 + 0.45 / levels)) * scale;
        return signed && code < 0 ? -level : level;
    }

    /** The code of a value of at most 1 in magnitude. */
    byte code(float x) {
        if (x >= (float) (1 - 0.225 / (64 * first))) {
            return (byte) (signed ? -128 : 1);
        }
        float a = Math.abs(x);
        if (a < (signed ? (float) 0.275e-6 : Float.MIN_VALUE)) {
            return 0;
        }
        int decade = 0;
        while (decade + 1 < DECADES && a >= (float) (SCALES[decade] * (1 + 0.9 / (first << decade)))) {
            decade++;
        }
        int levels = first << decade;
        float line = a * (float) (levels / (0.9 * SCALES[decade])) + (float) (levels * (1 - 1.0 / 9));
        int q = Math.max(levels, (int) Math.min(line, 2 * levels - 0.5f));
        return (byte) (x < 0 ? -q : q);
    }
}
