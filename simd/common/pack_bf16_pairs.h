/* Packing for micro_bf16.h where operands are pairs of bf16. Everything is built of blocks of 16 pairs by 16 columns (or rows): read from
 * a source that lies across the reduction (two rows are interleaved) or along it, then stored as it is or transposed. */
#ifndef SETUN_PACK_BF16_PAIRS_H
#define SETUN_PACK_BF16_PAIRS_H

#include "simd/common/bf16_source.h"
#include "simd/common/transpose16.h"

enum { BF_BLOCK_PAIRS = 16 };

/* Two vectors of fp32, rounded: lanes of `low` and `high`, rounded, as the low and high halves of the lanes of one vector. */
VF_INLINE __m512i bf_interleave(vf low, vf high) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3,
                                           18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

/* The same from packed ternary codes: 16 columns of one plane. Two codes, each + 1, choose one of 16 pairs; the second row of
 * the last pair may be padding, which holds code 0. */
VF_INLINE void bf_read_ternary(const bf_source *from, int64_t p, int64_t depth, int64_t column, __m512i v[BF_BLOCK_PAIRS]) {
    const uint32_t minus = 0xbf80, plus = 0x3f80;
    const __m512i pairs = (__m512i)(vu){minus << 16 | minus, minus << 16, minus << 16 | plus, 0, minus, 0, plus, 0,
                                        plus << 16 | minus,  plus << 16,  plus << 16 | plus};
    const __m512i low_code = _mm512_set1_epi32(3);
    const __m128i shift = _mm_cvtsi32_si128(bf_ternary_shift(column));
#pragma GCC unroll 16
    for (int q = 0; q < BF_BLOCK_PAIRS; q++) {
        if (2 * q >= depth) {
            v[q] = _mm512_setzero_si512();
            continue;
        }
        const uint8_t *bytes = bf_ternary_byte(from, p + 2 * q, column);
        __m512i low = _mm512_srl_epi32(_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)bytes)), shift);
        __m512i high = _mm512_srl_epi32(_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(bytes + 64))), shift);
        high = _mm512_slli_epi32(high, 2);
        v[q] = _mm512_permutexvar_epi32(_mm512_ternarylogic_epi32(low_code, low, high, 0xCA), pairs);
    }
}

/* v[q] lane c = the pair (p + 2q, p + 2q + 1) of column c, from a source [k][columns]. `depth` values, `columns` lanes; others 0. */
VF_INLINE void bf_read_across(const int type, const bf_source *from, int64_t p, int64_t depth, int64_t column, int64_t columns,
                              __m512i v[BF_BLOCK_PAIRS]) {
    if (type == BF_TERNARY) {
        bf_read_ternary(from, p, depth, column, v);
        return;
    }
#pragma GCC unroll 16
    for (int q = 0; q < BF_BLOCK_PAIRS; q++) {
        vf low = 2 * q < depth ? bf_get(type, 0, from, p + 2 * q, column, columns) : vf_set1(0);
        vf high = 2 * q + 1 < depth ? bf_get(type, 0, from, p + 2 * q + 1, column, columns) : vf_set1(0);
        v[q] = bf_interleave(low, high);
    }
}

/* v[c] lane q = the pair (p + 2q, p + 2q + 1) of column c, from a source [columns][k]. */
VF_INLINE void bf_read_along(const int type, const bf_source *from, int64_t p, int64_t depth, int64_t column, int64_t columns,
                             __m512i v[BF_BLOCK_PAIRS]) {
#pragma GCC unroll 16
    for (int c = 0; c < BF_BLOCK_PAIRS; c++) {
        vf low = vf_set1(0), high = vf_set1(0);
        if (c < columns) {
            low = bf_get(type, 1, from, column + c, p, depth < VF_LANES ? depth : VF_LANES);
            if (depth > VF_LANES) {
                high = bf_get(type, 1, from, column + c, p + VF_LANES, depth - VF_LANES);
            }
        }
        v[c] = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    }
}

/* Whole blocks get constants, so that they are read without masks. */
VF_INLINE void bf_read_block(const int type, const int along, const bf_source *from, int64_t p, int64_t depth, int64_t column,
                             int64_t columns, __m512i v[BF_BLOCK_PAIRS]) {
    if (depth == BF_DEPTH && columns == VF_LANES) {
        if (along) {
            bf_read_along(type, from, p, BF_DEPTH, column, VF_LANES, v);
        } else {
            bf_read_across(type, from, p, BF_DEPTH, column, VF_LANES, v);
        }
    } else if (along) {
        bf_read_along(type, from, p, depth, column, columns, v);
    } else {
        bf_read_across(type, from, p, depth, column, columns, v);
    }
}

/* A: to[r][p] for r < rows, p < k padded to BF_DEPTH; rows up to `height` are 0. along: the source is [rows][k], else [k][rows]. */
VF_INLINE void bf_pack_rows(const int type, const int along, const bf_source *from, int64_t rows, int64_t k, bf_value *to, int64_t lda,
                            int64_t height) {
    for (int64_t p = 0; p < k; p += BF_DEPTH) {
        int64_t depth = k - p < BF_DEPTH ? k - p : BF_DEPTH;
        for (int64_t r = 0; r < rows; r += VF_LANES) {
            int64_t some = rows - r < VF_LANES ? rows - r : VF_LANES;
            __m512i v[BF_BLOCK_PAIRS];
            bf_read_block(type, along, from, p, depth, r, some, v);
            if (!along) {
                transpose16(v);
            }
#pragma GCC unroll 16
            for (int i = 0; i < VF_LANES; i++) {
                if (i < some) {
                    _mm512_storeu_si512(to + (r + i) * lda + p, v[i]);
                }
            }
        }
        for (int64_t r = rows; r < height; r++) {
            _mm512_storeu_si512(to + r * lda + p, _mm512_setzero_si512());
        }
    }
}

/* B: panels of columns 0 .. n-1, the last one padded, the depth padded to BF_DEPTH. along: the source is [n][k], else [k][n]. */
VF_INLINE void bf_pack_panels(const int type, const int along, const bf_source *from, int64_t n, int64_t k, bf_value *to) {
    int64_t deep = (k + BF_DEPTH - 1) / BF_DEPTH, padded = deep * BF_DEPTH, wide = (n + VF_LANES - 1) / VF_LANES;
    for (int64_t block = 0; block < deep * wide; block++) { /* in the order of the source */
        int64_t p = (along ? block % deep : block / wide) * BF_DEPTH, j = (along ? block / deep : block % wide) * VF_LANES;
        bf_value *panel = to + j / BF_COLS * BF_COLS * padded + p * BF_COLS + j % BF_COLS * 2;
        __m512i v[BF_BLOCK_PAIRS];
        bf_read_block(type, along, from, p, k - p < BF_DEPTH ? k - p : BF_DEPTH, j, n - j < VF_LANES ? n - j : VF_LANES, v);
        if (along) {
            transpose16(v);
        }
#pragma GCC unroll 16
        for (int q = 0; q < BF_BLOCK_PAIRS; q++) {
            _mm512_storeu_si512(panel + q * 2 * BF_COLS, v[q]);
        }
    }
    int64_t last = (n + VF_LANES - 1) / VF_LANES * VF_LANES; /* a panel whose second half has no column */
    if (last % BF_COLS != 0) {
        bf_value *panel = to + last / BF_COLS * BF_COLS * padded + last % BF_COLS * 2;
        for (int64_t q = 0; q < padded / 2; q++) {
            _mm512_storeu_si512(panel + q * 2 * BF_COLS, _mm512_setzero_si512());
        }
    }
}

#endif
