package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Ternary weights times 8-bit activations: the operations of {@code setun/ternary.h}. */
public interface TernaryOps {

    /** Rows of a packed matrix that alternate in memory: a part of it starts at a multiple of this. */
    int GROUP_ROWS = 4;

    /** {@code k} rounded up to 256: the length of a padded activation row. */
    static long paddedK(long k) {
        return Math.addExact(k, 255) & ~255L;
    }

    /** Bytes of a packed {@code [m][k]} matrix: two bits per value, {@code m} rounded up to 4 and {@code k} to 256. */
    static long packedBytes(long m, long k) {
        return Math.multiplyExact(Math.addExact(m, 3) / 4, paddedK(k));
    }

    /** Absmean: {@code w} f32[m][k] to {@code codes} i8[m][k] and {@code gamma} f32[1]. */
    void ternaryQuantize(MemorySegment w, long m, long k, MemorySegment codes, MemorySegment gamma);

    /** Absmean: {@code w} f32[m][k] to {@code packed} and {@code gamma} f32[1]. */
    void ternaryQuantizePack(MemorySegment w, long m, long k, MemorySegment packed, MemorySegment gamma);

    /** {@code codes} i8[m][k] in {-1,0,1} to {@code packed}. */
    void ternaryPack(MemorySegment codes, long m, long k, MemorySegment packed);

    /** {@code packed} to {@code codes} i8[m][k]. */
    void ternaryUnpack(MemorySegment packed, long m, long k, MemorySegment codes);

    /** {@code codes} i8[m][k] in {-1,0,1} to {@code dense}, {@link PackedLayout#DENSE}. */
    void ternaryDensePack(MemorySegment codes, long m, long k, MemorySegment dense);

    /** {@code dense} to {@code codes} i8[m][k]; an {@link IllegalArgumentException} if it is not ternary. */
    void ternaryDenseUnpack(MemorySegment dense, long m, long k, MemorySegment codes);

    /** {@code out} f32[m][k] = gamma * code. */
    void ternaryExpand(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment out);

    /** {@code codes} i8[m][k] and {@code scales} to the bytes of an interchange format. */
    void ternaryEncode(TernaryFormat format, MemorySegment codes, long m, long k, @Nullable MemorySegment scales, MemorySegment data);

    /** The bytes of an interchange format to {@code codes} i8[m][k] and {@code scales}. */
    void ternaryDecode(TernaryFormat format, MemorySegment data, long m, long k, MemorySegment codes, @Nullable MemorySegment scales);

    /**
     * Per-row absmax int8: {@code x} f32[n][ldx] to {@code q} i8[n][paddedK(k)] (padding 0), {@code step} f32[n], {@code sum} i32[n].
     */
    void quantizeRows(MemorySegment x, long n, long k, long ldx, MemorySegment q, MemorySegment step, MemorySegment sum);

    /** {@code y} f32[n][k] = q * step, where {@code q} is i8[n][paddedK(k)]. */
    void dequantizeRows(MemorySegment q, MemorySegment step, long n, long k, MemorySegment y);

    /**
     * {@code y} f32[n][ldy] = activation(x * W^T + bias) + residual from quantized rows; {@code bias} f32[m] and {@code residual}
     * f32[n][ldy] may be null; {@code acc} i32[n][m] receives the raw dot products if given ({@code y} may then be null).
     *
     * @param layout of {@code packed}
     */
    void ternaryGemm(PackedLayout layout, MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment q, MemorySegment step,
            MemorySegment sum,
            long n, @Nullable MemorySegment bias, Activation activation, @Nullable MemorySegment residual, @Nullable MemorySegment y,
            long ldy, @Nullable MemorySegment acc);

    /** The same of {@link PackedLayout#PLANES} without an activation. */
    default void ternaryGemm(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment q, MemorySegment step,
            MemorySegment sum, long n, @Nullable MemorySegment bias, @Nullable MemorySegment residual, @Nullable MemorySegment y, long ldy,
            @Nullable MemorySegment acc) {
        ternaryGemm(PackedLayout.PLANES, packed, m, k, gamma, q, step, sum, n, bias, Activation.NONE, residual, y, ldy, acc);
    }

    /** {@code y} f32[n][ldy] = x * W^T with exact weights and fp32 activations {@code x} f32[n][ldx]. */
    void ternaryGemmF32(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment x, long n, long ldx,
            @Nullable MemorySegment bias, MemorySegment y, long ldy);

    /**
     * The gradient of the input: {@code dx} f32[n][lddx] = gamma * dy * W + beta * dx, where {@code dy} holds [n][lddy] {@code element}s
     * (fp32 or bf16), is rounded to bf16, and the sums are fp32. With {@code beta == 0}, {@code dx} is not read.
     */
    void ternaryGemmBackward(MemorySegment packed, long m, long k, MemorySegment gamma, GemmOps.Element element, MemorySegment dy, long n,
            long lddy, float beta, MemorySegment dx, long lddx);
}
