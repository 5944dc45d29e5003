/* Matrix products, in fp32 and of bf16 operands with fp32 sums.
 *
 * fp32: a product of few rows (m <= 12, A not transposed) or of a single column reads B once, in place. Any other packs both operands, in
 * blocks of up to 512 indices of the reduction, and the workers compute tiles of C from them; or, with a cblas_sgemm
 * (setun_context_set_sgemm), each tile is one call of that. Tiles depend on the shape alone: the same bits at any thread count. A packed
 * block takes about 2,176 m + 4 n min(k, 512) bytes of scratch; several are packed at a time while they fit 16 MB, and one is packed
 * whole however large: 311 MB for n = 152,000 and k = 512. The context keeps its scratch for the next call. With a cblas_sgemm a long
 * reduction to a small C takes up to 16 times the bytes of C.
 *
 * Error of an element: at most (k + 4) * 2^-24 * (|alpha| sum|a b| + |beta c|), whatever the tier; bits differ between tiers.
 *
 * bf16 (setun_gemm_bf16) defines its operands exactly: each is the stored value, rounded to bf16 (nearest, ties to even) if it is fp32.
 * The sums are fp32: with a' and b' the rounded operands, an element errs from alpha sum a' b' + beta c + bias by at most
 *     (k + 4) * 2^-24 * (|alpha| sum|a' b'| + |beta c| + |bias|)  +  |alpha| * 2^-126 * sum(2 + |a'| + |b'|)
 * where the last term is there because tiers that multiply bf16 flush values below 2^-126 (operands, products, sums) to 0. Against
 * products of the operands before rounding there is 2^-8 of |a b| per rounded operand on top. Values beyond the largest bf16 round to
 * infinity. Both operands are packed once per call, in blocks of up to 512 indices of the reduction. A block takes about 1,088 m +
 * 2 n min(k, 512) bytes of scratch, twice that on tiers without bf16; several are packed at a time while they fit 16 MB. Bits are the same at
 * any thread count and differ between tiers. */
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

/* What an operand holds in memory. */
typedef int32_t setun_element;
enum {
    SETUN_F32 = 0,
    SETUN_BF16 = 1, /* uint16_t: the upper half of an fp32 */
    SETUN_I8 = 2    /* exact in bf16 */
};

typedef struct setun_gemm_bf16_args {
    uint64_t size;
    int32_t trans_a, trans_b;     /* 0 or 1 */
    setun_element type_a, type_b; /* of a and b */
    int64_t m, n, k;
    float alpha, beta; /* beta == 0: c is written without being read */
    const void *a;     /* row-major [m][lda], or [k][lda] if trans_a */
    int64_t lda;
    const void *b; /* row-major [k][ldb], or [n][ldb] if trans_b */
    int64_t ldb;
    const float *step; /* [k] or NULL: term p of every sum counts step[p] times. Multiplied in fp32 into op(A), or into op(B) if A is
                        * int8, before that is rounded; so not both may be int8. For dW = dY^T * (codes with a step per row) */
    const float *bias; /* [n] or NULL: added to every row */
    float *c;          /* row-major [m][ldc] */
    int64_t ldc;
} setun_gemm_bf16_args;

/* C = alpha * op(A) * op(B) + beta * C + bias, operands as bf16, sums in fp32. With k == 0 or alpha == 0, A and B are not read. C must not
 * overlap them. */
SETUN_API setun_status setun_gemm_bf16(setun_context *context, const setun_gemm_bf16_args *args);

#endif
