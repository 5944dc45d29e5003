package org.setun.kernels;

import java.lang.foreign.MemorySegment;

/** fp32 matrix products: the operations of {@code setun/gemm.h}. */
public interface GemmOps {

    /**
     * {@code c} f32[m][ldc] = alpha * op(a) * op(b) + beta * c, row-major. {@code a} is [m][lda] or, transposed, [k][lda]; {@code b} is
     * [k][ldb] or, transposed, [n][ldb]. With {@code beta == 0}, {@code c} is not read.
     */
    void gemmF32(boolean transA, boolean transB, long m, long n, long k, float alpha, MemorySegment a, long lda, MemorySegment b, long ldb,
            float beta, MemorySegment c, long ldc);
}
