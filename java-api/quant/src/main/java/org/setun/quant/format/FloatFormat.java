package org.setun.quant.format;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;
import org.setun.formats.gguf.GgmlType;

/**
 * Values stored one by one in F32, F16 or BF16, rounded to nearest with ties to even. What the type cannot hold is refused.
 *
 * @param type one of the three
 */
record FloatFormat(GgmlType type) implements GgmlFormat {

    private static final ValueLayout.OfFloat SINGLE = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    FloatFormat {
        if (type != GgmlType.F32 && type != GgmlType.F16 && type != GgmlType.BF16) {
            throw new IllegalArgumentException("type = " + type + " must be F32, F16 or BF16");
        }
    }

    @Override
    public BlockRounder newRounder() {
        return new BlockRounder() {
            private float value;

            @Override
            public void fit(float[] values, int from, float @Nullable [] importance) {
                check(values[from]);
            }

            @Override
            public void round(int index, float[] values, int from, float[] rounded, int to) {
                value = nearest(check(values[from]));
                rounded[to] = value;
            }

            @Override
            public void write(MemorySegment blocks, long at) {
                store(value, blocks, at);
            }
        };
    }

    @Override
    public void encode(float[] values, int from, int count, float @Nullable [] importance, MemorySegment blocks, long at) {
        for (int i = 0; i < count; i++) {
            store(nearest(check(values[from + i])), blocks, at + (long) i * blockBytes());
        }
    }

    private float check(float value) {
        if (!Float.isFinite(value) || !Float.isFinite(nearest(value))) {
            throw new IllegalArgumentException(
                    "value " + value + " cannot be stored as " + type + (Float.isFinite(value) ? "; store it as F32" : ""));
        }
        return value;
    }

    private float nearest(float value) {
        return switch (type) {
            case F32 -> value;
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
            default -> {
                int bits = Float.floatToRawIntBits(value);
                yield Float.intBitsToFloat((bits + 0x7FFF + (bits >>> 16 & 1)) & 0xFFFF0000);
            }
        };
    }

    private void store(float value, MemorySegment blocks, long at) {
        switch (type) {
            case F32 -> blocks.set(SINGLE, at, value);
            case F16 -> blocks.set(HALF, at, Float.floatToFloat16(value));
            default -> blocks.set(HALF, at, (short) (Float.floatToRawIntBits(value) >>> 16));
        }
    }
}
