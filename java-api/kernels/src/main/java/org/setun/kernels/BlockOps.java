package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Weights in blocks times 8-bit activations in blocks of 256: the operations of {@code setun/blockquant.h}. */
public interface BlockOps {

    /** Activations that share a step. */
    int BLOCK = 256;

    /** Sums of a block of activations. */
    int BLOCK_SUMS = 16;

    /** Blocks of a row of {@code k} values; the last may be partly padding. */
    static long blocks(long k) {
        return Math.ceilDiv(k, (long) BLOCK);
    }

    /**
     * Absmax int8 per block: {@code x} f32[n][ldx] to {@code q} i8[n][256 * blocks(k)] (padding 0), {@code step} f32[n][blocks(k)] and
     * {@code sum} i32[n][16 * blocks(k)].
     */
    void quantizeBlocks(MemorySegment x, long n, long k, long ldx, MemorySegment q, MemorySegment step, MemorySegment sum);

    /**
     * The bytes of a matrix as files hold it to {@code packed}, for the other operations.
     *
     * @param parameter 0 unless the format says otherwise
     */
    void blockPack(BlockFormat format, int parameter, MemorySegment data, long m, long k, MemorySegment packed);

    /** {@code out} f32[rows][k] = the values of {@code rows} rows from {@code row} on: the bits that the format's definition gives. */
    void blockExpand(BlockFormat format, MemorySegment packed, long m, long k, long row, long rows, MemorySegment out);

    /**
     * {@code y} f32[n][ldy] = x * W^T + bias + residual from activations in blocks; {@code bias} f32[m] and {@code residual} f32[n][ldy], which
     * may be {@code y}, may be null.
     */
    void blockGemm(BlockFormat format, MemorySegment packed, long m, long k, MemorySegment q, MemorySegment step, MemorySegment sum, long n,
            @Nullable MemorySegment bias, @Nullable MemorySegment residual, MemorySegment y, long ldy);

    /** {@code y} f32[n][ldy] = x * W^T + bias with fp32 activations {@code x} f32[n][ldx]; {@code bias} may be null. */
    void blockGemmF32(BlockFormat format, MemorySegment packed, long m, long k, MemorySegment x, long n, long ldx,
            @Nullable MemorySegment bias, MemorySegment y, long ldy);
}
