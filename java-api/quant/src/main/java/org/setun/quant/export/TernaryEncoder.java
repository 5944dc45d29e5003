package org.setun.quant.export;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.TernaryFormat;

/** Bytes of a ternary matrix in a GGUF type. */
final class TernaryEncoder {

    private static final int Q2_BLOCK = 64;
    private static final int Q2_BYTES = 18;
    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Backend backend;

    TernaryEncoder(Backend backend) {
        this.backend = backend;
    }

    /** The bytes of {@code codes} i8[m][k] with {@code scale} in every block; memory comes from {@code memory}. */
    MemorySegment encode(MatrixType type, MemorySegment codes, long m, long k, float scale, Allocator memory) {
        TernaryFormat format = type.format();
        if (format == null) {
            return encodeQ20(codes, m * k, scale, memory);
        }
        long count = format.scales(m, k);
        MemorySegment scales = memory.allocate(4 * count).segment();
        for (long i = 0; i < count; i++) {
            scales.setAtIndex(ValueLayout.JAVA_FLOAT, i, scale);
        }
        MemorySegment data = memory.allocate(format.bytes(m, k)).segment();
        backend.ternaryEncode(format, codes, m, k, scales, data);
        return data;
    }

    /** Blocks of 64: an f16 scale, then two bits per value, lowest first, of the code plus 1. */
    private static MemorySegment encodeQ20(MemorySegment codes, long count, float scale, Allocator memory) {
        MemorySegment data = memory.allocate(count / Q2_BLOCK * Q2_BYTES).segment();
        for (long block = 0; block < count / Q2_BLOCK; block++) {
            data.set(HALF, block * Q2_BYTES, Float.floatToFloat16(scale));
            for (int i = 0; i < Q2_BLOCK; i += 4) {
                int bits = 0;
                for (int j = 0; j < 4; j++) {
                    bits |= (codes.get(ValueLayout.JAVA_BYTE, block * Q2_BLOCK + i + j) + 1) << 2 * j;
                }
                data.set(ValueLayout.JAVA_BYTE, block * Q2_BYTES + 2 + i / 4, (byte) bits);
            }
        }
        return data;
    }
}
