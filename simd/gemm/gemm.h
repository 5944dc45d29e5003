/* fp32 GEMM, internal contract. A product with few rows runs on `skinny`; any other on packed operands (packed.h), or in tiles that depend on
 * the shape alone, each one call of a BLAS's cblas_sgemm. */
#ifndef SETUN_SIMD_GEMM_H
#define SETUN_SIMD_GEMM_H

#include <stdint.h>

#include "setun/cpu.h"
#include "simd/gemm/packed.h"

/* Up to this many rows, op(A) is used in place of packing op(B): the product is bound by reading B once. */
enum { GEMM_SKINNY_ROWS = 12 };

/* C[m][n] = alpha * op(A) * op(B) + beta * C, with the conventions of setun_gemm_f32. m, n, k >= 1. */
typedef struct gemm_tile {
    int32_t trans_a, trans_b;
    int64_t m, n, k;
    float alpha, beta;
    const float *a;
    int64_t lda;
    const float *b;
    int64_t ldb;
    float *c;
    int64_t ldc;
} gemm_tile;

typedef struct setun_gemm_kernels {
    packed_kernels packed;                 /* of fp32 operands as they are */
    void (*skinny)(const gemm_tile *tile); /* m <= GEMM_SKINNY_ROWS, trans_a == 0 */
} setun_gemm_kernels;

const setun_gemm_kernels *setun_gemm_select(setun_isa isa);

#endif
