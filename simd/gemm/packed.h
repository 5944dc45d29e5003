/* Products of packed operands, internal contract: both operands are packed once, part of the depth at a time, and multiplied by the kernels of
 * a tier, which round them to bf16 or leave them as they are. setun_gemm_f32, setun_gemm_bf16 and the ternary family call packed_multiply.
 * Blocking as in Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008). */
#ifndef SETUN_SIMD_GEMM_PACKED_H
#define SETUN_SIMD_GEMM_PACKED_H

#include "runtime.h"
#include "simd/common/bf16_source.h"

/* Packed blocks are PACKED_DEPTH deep at most. Rows of A lie PACKED_STRIDE elements apart: a constant of the inner loop, and off any power of
 * two. */
enum { PACKED_DEPTH = 512, PACKED_STRIDE = PACKED_DEPTH + 32 };

typedef struct packed_operand {
    int32_t type;  /* BF_* of bf16_source.h */
    int32_t along; /* 1: rows of the source run along the reduction; 0: across it. BF_TERNARY: 0 */
    bf_source source;
} packed_operand;

/* C[m][ldc] = alpha * A[m][k] * B[k][n] + beta * C + bias[n]; beta == 0: C is not read. m, n, k >= 1. */
typedef struct packed_product {
    int64_t m, n, k;
    float alpha, beta;
    packed_operand a, b;
    const float *bias; /* or NULL */
    float *c;
    int64_t ldc;
} packed_product;

/* A part of C from one block of packed operands; bias and C as above. */
typedef struct packed_tile {
    int64_t m, n, k; /* k: padded */
    const void *a;   /* as pack_rows left it */
    const void *b;   /* panels of depth k */
    int32_t along_a; /* of the operand that a was packed from */
    float alpha, beta;
    const float *bias;
    float *c;
    int64_t ldc;
} packed_tile;

typedef struct packed_kernels {
    int32_t rows, columns, depth; /* what the packed extents are padded to */
    int32_t value_bytes;          /* of a packed element */
    /* `rows` rows of A, k <= PACKED_DEPTH values each, in PACKED_STRIDE elements per row; rows up to `height` and the padding of k become 0. */
    void (*pack_rows)(const packed_operand *a, int64_t rows, int64_t k, void *to, int64_t height);
    /* Panels of n columns of B. */
    void (*pack_panels)(const packed_operand *b, int64_t n, int64_t k, void *to);
    void (*tile)(const packed_tile *tile);
} packed_kernels;

/* Kernels that round operands to bf16. */
const packed_kernels *setun_bf16_select(setun_isa isa);

setun_status packed_multiply(setun_context *context, const packed_kernels *kernels, const packed_product *product);

#endif
