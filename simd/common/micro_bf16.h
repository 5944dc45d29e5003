/* The inner product of bf16 operands with fp32 sums: a register block of BF_ROWS x BF_COLS results over packed operands, and the packing.
 *
 * Operands are rounded to bf16 whatever the tier. Where the tier multiplies bf16 pairs (avx512bf16, amx) the packed elements are bf16,
 * else they are the rounded values as fp32 and the product is that of micro.h. bf_value is the element of packed operands.
 *   A: rows, [rows][lda]. lda is best a constant of the caller that is no multiple of 4096 bytes.
 *   B: panels of BF_COLS columns, one after the other. A panel of depth k is [k/2][BF_COLS][2] (pairs) or [k][BF_COLS]: k * BF_COLS elements
 *      way. Rows r of a pair panel are the rows of an AMX B tile.
 * The depth is padded to a multiple of BF_DEPTH, rows of A to BF_ROWS, columns of B to BF_COLS, all with zeros, by the packing functions.
 *
 * A tier file of AMX defines BF_TILES; calls of bf_product then stand between bf_tiles_begin and bf_tiles_end of the same thread.
 *
 * Rounding: each term passes through at most k roundings of a sum. Pairs flush denormals: operands, products and sums below 2^-126 may
 * count as 0 there. */
#ifndef SETUN_MICRO_BF16_H
#define SETUN_MICRO_BF16_H

#include "simd/common/bf16.h"
#include "simd/common/micro.h"

#define BF_VECS 2
#define BF_COLS (BF_VECS * VF_LANES)

#if defined(__AVX512BF16__)

#define BF_PAIRS 1
#define BF_DEPTH 32
typedef bf16 bf_value;
#include "simd/common/pack_bf16_pairs.h"

#if defined(BF_TILES)
#include "simd/common/micro_bf16_amx.h"
#else

#define BF_ROWS 14 /* 28 sums, two vectors of B and one broadcast of A fill the 32 registers */

VF_INLINE void bf_tiles_begin(void) {}
VF_INLINE void bf_tiles_end(void) {}

/* acc[i][*] = sum over p < k of a[i*lda + p] * B[p][*]. The values of acc before do not matter. rows: a constant up to BF_ROWS. */
VF_INLINE void bf_product_rows(const int rows, int64_t k, const bf_value *a, int64_t lda, const bf_value *b, vf (*acc)[BF_VECS]) {
    __m512 sum[BF_ROWS][BF_VECS];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        sum[i][0] = _mm512_setzero_ps();
        sum[i][1] = _mm512_setzero_ps();
    }
    for (int64_t p = 0; p < k; p += 2, a += 2, b += 2 * BF_COLS) {
        __m512bh b0 = (__m512bh)_mm512_loadu_si512(b), b1 = (__m512bh)_mm512_loadu_si512(b + BF_COLS);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            int32_t pair;
            memcpy(&pair, a + i * lda, sizeof pair);
            __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
            sum[i][0] = _mm512_dpbf16_ps(sum[i][0], x, b0);
            sum[i][1] = _mm512_dpbf16_ps(sum[i][1], x, b1);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        acc[i][0] = sum[i][0];
        acc[i][1] = sum[i][1];
    }
}

VF_INLINE void bf_product(int64_t k, const bf_value *a, int64_t lda, const bf_value *b, vf acc[BF_ROWS][BF_VECS]) {
    bf_product_rows(BF_ROWS, k, a, lda, b, acc);
}

#endif

#else

#define BF_PAIRS 0
#define BF_DEPTH 1
#define BF_ROWS MICRO_ROWS
typedef float bf_value;
#include "simd/common/pack_bf16_wide.h"

VF_INLINE void bf_tiles_begin(void) {}
VF_INLINE void bf_tiles_end(void) {}

VF_INLINE void bf_product(int64_t k, const bf_value *a, int64_t lda, const bf_value *b, vf acc[BF_ROWS][BF_VECS]) {
    micro_product(k, a, lda, 1, b, BF_COLS, acc);
}

#endif

#endif
