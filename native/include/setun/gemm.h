/* fp32 matrix product, split into fixed tiles over the context's workers; each tile is one call of cblas_sgemm
 * (setun_context_set_sgemm) or of the built-in blocked kernel. Tiles depend on the shape alone: the same bits at any thread count.
 * Few rows (m <= 12) or a single column: the built-in kernel always, which reads B once, in place.
 *
 * Error of an element: at most (k + 4) * 2^-24 * (|alpha| sum|a b| + |beta c|), whatever the tier; bits differ between tiers. */
#ifndef SETUN_GEMM_H
#define SETUN_GEMM_H

#include "setun/context.h"

typedef struct setun_gemm_f32_args {
    uint64_t size;
    int32_t trans_a, trans_b; /* 0 or 1 */
    int64_t m, n, k;
    float alpha, beta; /* beta == 0: c is written without being read */
    const float *a;    /* row-major [m][lda], or [k][lda] if trans_a */
    int64_t lda;
    const float *b; /* row-major [k][ldb], or [n][ldb] if trans_b */
    int64_t ldb;
    float *c; /* row-major [m][ldc] */
    int64_t ldc;
} setun_gemm_f32_args;

/* C = alpha * op(A) * op(B) + beta * C. With k == 0 or alpha == 0, A and B are not read. C must not overlap them. */
SETUN_API setun_status setun_gemm_f32(setun_context *context, const setun_gemm_f32_args *args);

#endif
