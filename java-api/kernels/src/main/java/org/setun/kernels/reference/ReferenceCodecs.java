package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.TernaryFormat;
import org.setun.kernels.TernaryOps;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static org.setun.kernels.reference.Segments.f32;
import static org.setun.kernels.reference.Segments.i8;

/** Codes to and from the packed layout and the interchange formats. */
final class ReferenceCodecs {

    private static final int BLOCK = 256;

    private ReferenceCodecs() {
    }

    static void pack(MemorySegment codes, long m, long k, MemorySegment packed) {
        requireTernary(codes, m, k);
        TernaryLayout layout = TernaryLayout.planesOf64(k);
        packed.asSlice(0, TernaryOps.packedBytes(m, k)).fill((byte) 0);
        for (long row = 0; row < (m + 3) / 4 * 4; row++) {
            for (long column = 0; column < TernaryOps.paddedK(k); column++) {
                layout.put(packed, row, column, row < m && column < k ? i8(codes, row * k + column) : 0);
            }
        }
    }

    static void unpack(MemorySegment packed, long m, long k, MemorySegment codes) {
        read(TernaryLayout.planesOf64(k), packed, m, k, codes);
    }

    static void encode(TernaryFormat format, MemorySegment codes, long m, long k, @Nullable MemorySegment scales, MemorySegment data) {
        requireTernary(codes, m, k);
        data.fill((byte) 0);
        switch (format) {
            case TQ2_0 -> {
                write(TernaryLayout.tq2(k), codes, m, k, data);
                writeScales(Objects.requireNonNull(scales), m * (k / BLOCK), data, 66);
            }
            case TQ1_0 -> {
                TritBlocks.encode(codes, m * (k / BLOCK), data);
                writeScales(Objects.requireNonNull(scales), m * (k / BLOCK), data, 54);
            }
            case I2_S -> {
                write(TernaryLayout.i2s(k), codes, m, k, data);
                f32(data.asSlice(m * k / 4), 0, f32(Objects.requireNonNull(scales), 0));
            }
            case HF_U8 -> write(TernaryLayout.huggingFace(m, k), codes, m, k, data);
        }
    }

    static void decode(TernaryFormat format, MemorySegment data, long m, long k, MemorySegment codes, @Nullable MemorySegment scales) {
        switch (format) {
            case TQ2_0 -> {
                readTernary(format, TernaryLayout.tq2(k), data, m, k, codes);
                readScales(data, m * (k / BLOCK), 66, Objects.requireNonNull(scales));
            }
            case TQ1_0 -> {
                TritBlocks.decode(data, m * (k / BLOCK), codes);
                readScales(data, m * (k / BLOCK), 54, Objects.requireNonNull(scales));
            }
            case I2_S -> {
                readTernary(format, TernaryLayout.i2s(k), data, m, k, codes);
                f32(Objects.requireNonNull(scales), 0, f32(data.asSlice(m * k / 4), 0));
            }
            case HF_U8 -> readTernary(format, TernaryLayout.huggingFace(m, k), data, m, k, codes);
        }
    }

    private static void write(TernaryLayout layout, MemorySegment codes, long m, long k, MemorySegment data) {
        for (long row = 0; row < m; row++) {
            for (long column = 0; column < k; column++) {
                layout.put(data, row, column, i8(codes, row * k + column));
            }
        }
    }

    private static void read(TernaryLayout layout, MemorySegment data, long m, long k, MemorySegment codes) {
        for (long row = 0; row < m; row++) {
            for (long column = 0; column < k; column++) {
                i8(codes, row * k + column, layout.code(data, row, column));
            }
        }
    }

    private static void readTernary(TernaryFormat format, TernaryLayout layout, MemorySegment data, long m, long k, MemorySegment codes) {
        for (long row = 0; row < m; row++) {
            for (long column = 0; column < k; column++) {
                if (layout.code(data, row, column) > 1) {
                    throw new IllegalArgumentException("data: value (" + row + ", " + column + ") has code 2: not a ternary " + format);
                }
            }
        }
        read(layout, data, m, k, codes);
    }

    static void requireTernary(MemorySegment codes, long m, long k) {
        for (long i = 0; i < m * k; i++) {
            if (Math.abs(i8(codes, i)) > 1) {
                throw new IllegalArgumentException("codes[" + i + "] = " + i8(codes, i) + " must be -1, 0 or 1");
            }
        }
    }

    /** Scales are f16 (rounded to nearest, ties to even) in the last two bytes of each block. */
    private static void writeScales(MemorySegment scales, long blocks, MemorySegment data, long blockBytes) {
        for (long b = 0; b < blocks; b++) {
            data.set(JAVA_SHORT_UNALIGNED, (b + 1) * blockBytes - 2, Float.floatToFloat16(f32(scales, b)));
        }
    }

    private static void readScales(MemorySegment data, long blocks, long blockBytes, MemorySegment scales) {
        for (long b = 0; b < blocks; b++) {
            f32(scales, b, Float.float16ToFloat(data.get(JAVA_SHORT_UNALIGNED, (b + 1) * blockBytes - 2)));
        }
    }
}
