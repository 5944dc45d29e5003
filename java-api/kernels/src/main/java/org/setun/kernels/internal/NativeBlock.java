package org.setun.kernels.internal;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.BlockOps;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** The functions of {@code setun/blockquant.h}. */
public final class NativeBlock implements BlockOps {

    private static final Struct PACK_ARGS = Downcalls.struct("setun_block_pack_args", JAVA_LONG.withName("size"),
            JAVA_INT.withName("format"), JAVA_INT.withName("parameter"), JAVA_LONG.withName("m"), JAVA_LONG.withName("k"),
            ADDRESS.withName("data"), JAVA_LONG.withName("data_bytes"), ADDRESS.withName("packed"));
    private static final Struct EXPAND_ARGS = Downcalls.struct("setun_block_expand_args", JAVA_LONG.withName("size"),
            JAVA_INT.withName("format"), JAVA_INT.withName("reserved"), JAVA_LONG.withName("m"), JAVA_LONG.withName("k"),
            ADDRESS.withName("w"), JAVA_LONG.withName("row"), JAVA_LONG.withName("rows"), ADDRESS.withName("out"));
    private static final Struct QUANTIZE_ARGS = Downcalls.struct("setun_quantize_blocks_args", JAVA_LONG.withName("size"),
            ADDRESS.withName("x"), JAVA_LONG.withName("n"), JAVA_LONG.withName("k"), JAVA_LONG.withName("ldx"), ADDRESS.withName("q"),
            ADDRESS.withName("step"), ADDRESS.withName("sum"));
    private static final Struct GEMM_ARGS = Downcalls.struct("setun_block_gemm_args", JAVA_LONG.withName("size"),
            JAVA_INT.withName("format"), JAVA_INT.withName("reserved"), ADDRESS.withName("w"), JAVA_LONG.withName("m"),
            JAVA_LONG.withName("k"), ADDRESS.withName("q"), ADDRESS.withName("step"), ADDRESS.withName("sum"), JAVA_LONG.withName("n"),
            ADDRESS.withName("bias"), ADDRESS.withName("residual"), ADDRESS.withName("y"), JAVA_LONG.withName("ldy"));
    private static final Struct GEMM_F32_ARGS = Downcalls.struct("setun_block_gemm_f32_args", JAVA_LONG.withName("size"),
            JAVA_INT.withName("format"), JAVA_INT.withName("reserved"), ADDRESS.withName("w"), JAVA_LONG.withName("m"),
            JAVA_LONG.withName("k"), ADDRESS.withName("x"), JAVA_LONG.withName("n"), JAVA_LONG.withName("ldx"), ADDRESS.withName("bias"),
            ADDRESS.withName("y"), JAVA_LONG.withName("ldy"));
    private static final Operation PACK = Downcalls.described("setun_block_pack");
    private static final Operation EXPAND = Downcalls.described("setun_block_expand");
    private static final Operation QUANTIZE = Downcalls.described("setun_quantize_blocks");
    private static final Operation GEMM = Downcalls.described("setun_block_gemm");
    private static final Operation GEMM_F32 = Downcalls.described("setun_block_gemm_f32");

    // The sizes are computed in Java (BlockFormat); bound so that the native ones can be compared with them.
    private static final MethodHandle BYTES = Downcalls.function("setun_block_bytes",
            FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle PACKED_BYTES = Downcalls.function("setun_block_packed_bytes",
            FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));

    private final NativeContext context;

    public NativeBlock(NativeContext context) {
        this.context = context;
    }

    @Override
    public void quantizeBlocks(MemorySegment x, long n, long k, long ldx, MemorySegment q, MemorySegment step, MemorySegment sum) {
        BlockChecks.quantize(x, n, k, ldx, q, step, sum);
        context.call(QUANTIZE, Arguments.begin(QUANTIZE_ARGS).pointer(x).i64(n).i64(k).i64(ldx).pointer(q).pointer(step).pointer(sum));
    }

    @Override
    public void blockPack(BlockFormat format, int parameter, MemorySegment data, long m, long k, MemorySegment packed) {
        BlockChecks.pack(format, parameter, data, m, k, packed);
        context.call(PACK, Arguments.begin(PACK_ARGS).i32(format.code()).i32(parameter).i64(m).i64(k).pointer(data).i64(data.byteSize())
                .pointer(packed));
    }

    @Override
    public void blockExpand(BlockFormat format, MemorySegment packed, long m, long k, long row, long rows, MemorySegment out) {
        BlockChecks.expand(format, packed, m, k, row, rows, out);
        context.call(EXPAND,
                Arguments.begin(EXPAND_ARGS).i32(format.code()).i32(0).i64(m).i64(k).pointer(packed).i64(row).i64(rows).pointer(out));
    }

    @Override
    public void blockGemm(BlockFormat format, MemorySegment packed, long m, long k, MemorySegment q, MemorySegment step, MemorySegment sum,
            long n, @Nullable MemorySegment bias, @Nullable MemorySegment residual, MemorySegment y, long ldy) {
        BlockChecks.gemm(format, packed, m, k, q, step, sum, n, bias, residual, y, ldy);
        context.call(GEMM, Arguments.begin(GEMM_ARGS).i32(format.code()).i32(0).pointer(packed).i64(m).i64(k).pointer(q).pointer(step)
                .pointer(sum).i64(n).pointer(bias).pointer(residual).pointer(y).i64(ldy));
    }

    @Override
    public void blockGemmF32(BlockFormat format, MemorySegment packed, long m, long k, MemorySegment x, long n, long ldx,
            @Nullable MemorySegment bias, MemorySegment y, long ldy) {
        BlockChecks.gemmF32(format, packed, m, k, x, n, ldx, bias, y, ldy);
        context.call(GEMM_F32, Arguments.begin(GEMM_F32_ARGS).i32(format.code()).i32(0).pointer(packed).i64(m).i64(k).pointer(x).i64(n)
                .i64(ldx).pointer(bias).pointer(y).i64(ldy));
    }

    static long bytes(BlockFormat format, long m, long k) {
        return size(BYTES, format, m, k);
    }

    static long packedBytes(BlockFormat format, long m, long k) {
        return size(PACKED_BYTES, format, m, k);
    }

    private static long size(MethodHandle function, BlockFormat format, long m, long k) {
        try {
            return (long) function.invokeExact(format.code(), m, k);
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        }
    }
}
