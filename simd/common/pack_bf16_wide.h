/* Packing for micro_bf16.h where operands are fp32 values rounded to bf16. Contract: bf_pack_rows, bf_pack_panels below. */
#ifndef SETUN_PACK_BF16_WIDE_H
#define SETUN_PACK_BF16_WIDE_H

#include "simd/common/bf16_source.h"

enum { BF_BLOCK = 32 };

/* `lines` rows of the source from `row` on, `length` values of each from `column` on, rounded, into a block [BF_BLOCK][BF_BLOCK]. */
VF_INLINE void bf_read_block(const int type, const int along, const bf_source *from, int64_t row, int64_t lines, int64_t column,
                             int64_t length, float *to) {
    for (int64_t i = 0; i < lines; i++) {
        VF_FOR(j, n, length) {
            vf_put(to + i * BF_BLOCK + j, n, vf_round_bf16(bf_get(type, along, from, row + i, column + j, n)));
        }
    }
}

/* A: to[r][p] for r < rows, p < k; rows up to `height` are 0. along: the source is [rows][k], else [k][rows]. */
VF_INLINE void bf_pack_rows(const int type, const int along, const bf_source *from, int64_t rows, int64_t k, bf_value *to, int64_t lda,
                            int64_t height) {
    if (along) {
        for (int64_t r = 0; r < rows; r++) {
            VF_FOR(p, n, k) { vf_put(to + r * lda + p, n, vf_round_bf16(bf_get(type, 1, from, r, p, n))); }
        }
    } else {
        float block[BF_BLOCK * BF_BLOCK];
        for (int64_t p = 0; p < k; p += BF_BLOCK) {
            int64_t depth = k - p < BF_BLOCK ? k - p : BF_BLOCK;
            for (int64_t r = 0; r < rows; r += BF_BLOCK) {
                int64_t some = rows - r < BF_BLOCK ? rows - r : BF_BLOCK;
                bf_read_block(type, 0, from, p, depth, r, some, block);
                transpose_pad(block, BF_BLOCK, depth, some, to + r * lda + p, lda, depth);
            }
        }
    }
    for (int64_t r = rows; r < height; r++) {
        memset(to + r * lda, 0, (size_t)k * sizeof *to);
    }
}

/* B: panels of columns 0 .. n-1, the last one padded. along: the source is [n][k], else [k][n]. */
VF_INLINE void bf_pack_panels(const int type, const int along, const bf_source *from, int64_t n, int64_t k, bf_value *to) {
    float block[BF_BLOCK * BF_BLOCK];
    for (int64_t j = 0; j < n; j += BF_COLS, to += k * BF_COLS) {
        int64_t columns = n - j < BF_COLS ? n - j : BF_COLS;
        for (int64_t p = 0; p < k; p += BF_BLOCK) {
            int64_t depth = k - p < BF_BLOCK ? k - p : BF_BLOCK;
            if (along) {
                bf_read_block(type, 1, from, j, columns, p, depth, block);
                transpose_pad(block, BF_BLOCK, columns, depth, to + p * BF_COLS, BF_COLS, BF_COLS);
            } else {
                bf_read_block(type, 0, from, p, depth, j, columns, block);
                copy_pad(block, BF_BLOCK, depth, columns, to + p * BF_COLS, BF_COLS, depth, BF_COLS);
            }
        }
    }
}

#endif
