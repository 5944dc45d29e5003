package org.setun.quant.export;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.TernaryFormat;
import org.setun.quant.blocks.Q20Blocks;

/** Bytes of a ternary matrix in a GGUF type. */
final class TernaryEncoder {

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

    private static MemorySegment encodeQ20(MemorySegment codes, long count, float scale, Allocator memory) {
        MemorySegment data = memory.allocate(count / Q20Blocks.VALUES * Q20Blocks.BYTES).segment();
        byte[] block = new byte[Q20Blocks.VALUES];
        for (long i = 0; i < count / Q20Blocks.VALUES; i++) {
            MemorySegment.copy(codes, ValueLayout.JAVA_BYTE, i * Q20Blocks.VALUES, block, 0, block.length);
            Q20Blocks.write(block, 0, Float.floatToFloat16(scale), data, i * Q20Blocks.BYTES);
        }
        return data;
    }
}
