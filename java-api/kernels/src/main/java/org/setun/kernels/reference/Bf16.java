package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

/** bf16: the upper half of an fp32. */
final class Bf16 {

    private Bf16() {
    }

    /** The nearest bf16, ties to even; NaN stays NaN. */
    static float round(float value) {
        if (Float.isNaN(value)) {
            return value;
        }
        int bits = Float.floatToRawIntBits(value);
        return Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000);
    }

    /** Element {@code index} of a segment of bf16. */
    static float get(MemorySegment segment, long index) {
        return Float.intBitsToFloat(segment.get(JAVA_SHORT_UNALIGNED, 2 * index) << 16);
    }
}
