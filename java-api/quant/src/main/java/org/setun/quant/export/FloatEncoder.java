package org.setun.quant.export;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.setun.formats.gguf.GgmlType;

/** Bytes of fp32 values in the GGUF types F32 and F16. */
final class FloatEncoder {

    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private FloatEncoder() {
    }

    /**
     * {@code values} f32 as {@code type}; F32 is not copied.
     *
     * @throws IllegalArgumentException if a value is not finite, or beyond half precision
     */
    static MemorySegment encode(String name, MemorySegment values, GgmlType type) {
        int count = Math.toIntExact(values.byteSize() / 4);
        MemorySegment halves = type == GgmlType.F16 ? MemorySegment.ofArray(new byte[Math.multiplyExact(2, count)]) : null;
        for (int i = 0; i < count; i++) {
            float value = values.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
            if (!Float.isFinite(value)) {
                throw new IllegalArgumentException(
                        name + " holds " + value + " at index " + i + ": the training diverged; export an earlier checkpoint");
            }
            if (halves != null) {
                short half = Float.floatToFloat16(value);
                if ((half & 0x7c00) == 0x7c00) {
                    throw new IllegalArgumentException(
                            name + " holds " + value + " at index " + i + ", beyond half precision; export it as F32");
                }
                halves.set(HALF, 2L * i, half);
            }
        }
        return halves == null ? values : halves;
    }
}
