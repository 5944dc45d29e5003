package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.GemmOps;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** The functions of {@code setun/gemm.h}. */
public final class NativeGemm implements GemmOps {

    private static final Struct F32_ARGS = Downcalls.struct("setun_gemm_f32_args", JAVA_LONG.withName("size"),
            JAVA_INT.withName("trans_a"), JAVA_INT.withName("trans_b"), JAVA_LONG.withName("m"), JAVA_LONG.withName("n"),
            JAVA_LONG.withName("k"), JAVA_FLOAT.withName("alpha"), JAVA_FLOAT.withName("beta"), ADDRESS.withName("a"),
            JAVA_LONG.withName("lda"), ADDRESS.withName("b"), JAVA_LONG.withName("ldb"), ADDRESS.withName("c"), JAVA_LONG.withName("ldc"));
    private static final Operation F32 = Downcalls.described("setun_gemm_f32");

    private static final Struct BF16_ARGS = Downcalls.struct("setun_gemm_bf16_args", JAVA_LONG.withName("size"),
            JAVA_INT.withName("trans_a"), JAVA_INT.withName("trans_b"), JAVA_INT.withName("type_a"), JAVA_INT.withName("type_b"),
            JAVA_LONG.withName("m"), JAVA_LONG.withName("n"), JAVA_LONG.withName("k"), JAVA_FLOAT.withName("alpha"),
            JAVA_FLOAT.withName("beta"), ADDRESS.withName("a"), JAVA_LONG.withName("lda"), ADDRESS.withName("b"), JAVA_LONG.withName("ldb"),
            ADDRESS.withName("step"), ADDRESS.withName("bias"), ADDRESS.withName("c"), JAVA_LONG.withName("ldc"));
    private static final Operation BF16 = Downcalls.described("setun_gemm_bf16");

    private final NativeContext context;

    public NativeGemm(NativeContext context) {
        this.context = context;
    }

    @Override
    public void gemmF32(boolean transA, boolean transB, long m, long n, long k, float alpha, MemorySegment a, long lda, MemorySegment b,
            long ldb, float beta, MemorySegment c, long ldc) {
        Checks.gemmF32(transA, transB, m, n, k, a, lda, b, ldb, c, ldc);
        context.call(F32, Arguments.begin(F32_ARGS).flag(transA).flag(transB).i64(m).i64(n).i64(k).f32(alpha).f32(beta).pointer(a).i64(lda)
                .pointer(b).i64(ldb).pointer(c).i64(ldc));
    }

    @Override
    public void gemmBf16(long m, long n, long k, float alpha, Operand a, Operand b, @Nullable MemorySegment step, float beta,
            @Nullable MemorySegment bias, MemorySegment c, long ldc) {
        Checks.gemmBf16(m, n, k, a, b, step, bias, c, ldc);
        context.call(BF16, Arguments.begin(BF16_ARGS).flag(a.transposed()).flag(b.transposed()).i32(a.element().ordinal())
                .i32(b.element().ordinal()).i64(m).i64(n).i64(k).f32(alpha).f32(beta).pointer(a.values()).i64(a.ld()).pointer(b.values())
                .i64(b.ld()).pointer(step).pointer(bias).pointer(c).i64(ldc));
    }
}
