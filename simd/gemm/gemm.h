/* fp32 GEMM, internal contract. The public function (gemm.c) cuts C into tiles that depend on the shape alone; a tile is one call of
 * cblas_sgemm or of a tier's kernel. Blocking as in Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008). */
#ifndef SETUN_SIMD_GEMM_H
#define SETUN_SIMD_GEMM_H

#include <stdint.h>

#include "setun/cpu.h"

/* Inside a tile, a block of op(B) of at most GEMM_DEPTH x GEMM_WIDTH is packed (it stays in L2) and met by panels of a few rows of
 * op(A) (they stay in L1), copied GEMM_STRIP rows at a time. */
enum { GEMM_DEPTH = 384, GEMM_WIDTH = 256, GEMM_STRIP = 64, GEMM_STRIDE = GEMM_DEPTH + 16 };

/* fp32 values of scratch that one worker needs for tiles. */
#define GEMM_TILE_SCRATCH (GEMM_DEPTH * GEMM_WIDTH + GEMM_STRIP * GEMM_STRIDE)

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
    void (*tile)(const gemm_tile *tile, float *scratch); /* scratch: GEMM_TILE_SCRATCH */
    void (*skinny)(const gemm_tile *tile);               /* m <= GEMM_SKINNY_ROWS, trans_a == 0 */
} setun_gemm_kernels;

const setun_gemm_kernels *setun_gemm_select(setun_isa isa);

#endif
