/* bf16 GEMM, internal contract: products with fp32 sums of operands rounded to bf16. setun_gemm_bf16 and the ternary family call
 * bf16_multiply; it packs both operands once, part of the depth at a time, and multiplies packed blocks with the kernels of the context's
 * tier. */
#ifndef SETUN_SIMD_GEMM_BF16_H
#define SETUN_SIMD_GEMM_BF16_H

#include "runtime.h"
#include "simd/common/bf16_source.h"

/* Packed blocks are BF16_DEPTH deep at most. Rows of A lie BF16_STRIDE elements apart: a constant of the inner loop, and off any power of
 * two. */
enum { BF16_DEPTH = 512, BF16_STRIDE = BF16_DEPTH + 32 };

typedef struct bf16_operand {
    int32_t type;  /* BF_* of bf16_source.h */
    int32_t along; /* 1: rows of the source run along the reduction; 0: across it. BF_TERNARY: 0 */
    bf_source source;
} bf16_operand;

/* C[m][ldc] = alpha * A[m][k] * B[k][n] + beta * C + bias[n]; beta == 0: C is not read. m, n, k >= 1. */
typedef struct bf16_product {
    int64_t m, n, k;
    float alpha, beta;
    bf16_operand a, b;
    const float *bias; /* or NULL */
    float *c;
    int64_t ldc;
} bf16_product;

setun_status bf16_multiply(setun_context *context, const bf16_product *product);

/* A part of C from one block of packed operands; bias and C as above. */
typedef struct bf16_tile {
    int64_t m, n, k; /* k: padded */
    const void *a;   /* [m padded][BF16_STRIDE] */
    const void *b;   /* panels of depth k */
    float alpha, beta;
    const float *bias;
    float *c;
    int64_t ldc;
} bf16_tile;

typedef struct setun_bf16_kernels {
    int32_t rows, columns, depth; /* what the packed extents are padded to */
    int32_t value_bytes;          /* of a packed element */
    /* `rows` rows of A, k <= BF16_DEPTH values each; rows up to `height` and the padding of k become 0. */
    void (*pack_rows)(const bf16_operand *a, int64_t rows, int64_t k, void *to, int64_t height);
    /* Panels of n columns of B. */
    void (*pack_panels)(const bf16_operand *b, int64_t n, int64_t k, void *to);
    void (*tile)(const bf16_tile *tile);
} setun_bf16_kernels;

const setun_bf16_kernels *setun_bf16_select(setun_isa isa);

#endif
