/* The inner product of everything dense: a register block of MICRO_ROWS x MICRO_COLS results, and the transposition that feeds it. */
#ifndef SETUN_MICRO_H
#define SETUN_MICRO_H

#include "simd/common/vec.h"

/* Rows times vectors of accumulators, as many as the register file holds beside two vectors of b and one broadcast of a. */
#define MICRO_VECS 2
#if VF_LANES == 16 || defined(__aarch64__)
#define MICRO_ROWS 8
#else
#define MICRO_ROWS 4
#endif
#define MICRO_COLS (MICRO_VECS * VF_LANES)

/* acc[i][*] = sum over p < k, in order, of a[i*row + p*step] * b[p*ldb + *]. */
VF_INLINE void micro_product(int64_t k, const float *a, int64_t row, int64_t step, const float *b, int64_t ldb,
                             vf acc[MICRO_ROWS][MICRO_VECS]) {
    vf sum[MICRO_ROWS][MICRO_VECS];
#pragma GCC unroll 8
    for (int i = 0; i < MICRO_ROWS; i++) {
        sum[i][0] = vf_set1(0);
        sum[i][1] = vf_set1(0);
    }
    for (int64_t p = 0; p < k; p++, a += step, b += ldb) {
        vf b0 = vf_load(b);
        vf b1 = vf_load(b + VF_LANES);
#pragma GCC unroll 8
        for (int i = 0; i < MICRO_ROWS; i++) {
            vf x = vf_set1(a[i * row]);
            sum[i][0] = vf_fma(x, b0, sum[i][0]);
            sum[i][1] = vf_fma(x, b1, sum[i][1]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < MICRO_ROWS; i++) {
        acc[i][0] = sum[i][0];
        acc[i][1] = sum[i][1];
    }
}

/* c[m][ldc] = A * B, or c += A * B; m and n are multiples of MICRO_ROWS and MICRO_COLS (scratch blocks are padded to them). */
VF_INLINE void micro_block(int64_t m, int64_t n, int64_t k, const float *a, int64_t row, int64_t step, const float *b,
                           int64_t ldb, float *c, int64_t ldc, int add) {
    for (int64_t i = 0; i < m; i += MICRO_ROWS) {
        for (int64_t j = 0; j < n; j += MICRO_COLS) {
            vf acc[MICRO_ROWS][MICRO_VECS];
            micro_product(k, a + i * row, row, step, b + j, ldb, acc);
#pragma GCC unroll 8
            for (int r = 0; r < MICRO_ROWS; r++) {
                float *to = c + (i + r) * ldc + j;
                vf_store(to, add ? vf_load(to) + acc[r][0] : acc[r][0]);
                vf_store(to + VF_LANES, add ? vf_load(to + VF_LANES) + acc[r][1] : acc[r][1]);
            }
        }
    }
}

/* c[rows][columns] (at most a register block of `most` rows): alpha * acc + beta * c + bias, rounded after each step but the one that a
 * fused multiply-add saves. beta == 0: c is not read; bias: one value per column, or NULL. */
VF_INLINE void micro_finish(const int64_t most, float *c, int64_t ldc, int64_t rows, int64_t columns, float alpha, float beta,
                            const float *bias, vf (*acc)[MICRO_VECS]) {
    vf scale = vf_set1(alpha), keep = vf_set1(beta);
#pragma GCC unroll 16
    for (int64_t i = 0; i < most; i++) {
        if (i >= rows) {
            break;
        }
#pragma GCC unroll 2
        for (int64_t v = 0; v < MICRO_VECS; v++) {
            int64_t lanes = columns - v * VF_LANES < VF_LANES ? columns - v * VF_LANES : VF_LANES;
            if (lanes <= 0) {
                break;
            }
            float *to = c + i * ldc + v * VF_LANES;
            vf sum = scale * acc[i][v];
            if (beta != 0.0f) {
                sum = vf_fma(keep, vf_get(to, lanes), sum);
            }
            if (bias != NULL) {
                sum = sum + vf_get(bias + v * VF_LANES, lanes);
            }
            vf_put(to, lanes, sum);
        }
    }
}

VF_INLINE void transpose4(const float *from, int64_t ldf, float *to, int64_t ldt) {
    vf4 r0 = vf4_load(from), r1 = vf4_load(from + ldf), r2 = vf4_load(from + 2 * ldf), r3 = vf4_load(from + 3 * ldf);
    vf4 a = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), b = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
    vf4 c = __builtin_shufflevector(r2, r3, 0, 4, 1, 5), d = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
    vf4_store(to, __builtin_shufflevector(a, c, 0, 1, 4, 5));
    vf4_store(to + ldt, __builtin_shufflevector(a, c, 2, 3, 6, 7));
    vf4_store(to + 2 * ldt, __builtin_shufflevector(b, d, 0, 1, 4, 5));
    vf4_store(to + 3 * ldt, __builtin_shufflevector(b, d, 2, 3, 6, 7));
}

/* to[c][r] = from[r][c] for r < rows, c < cols; columns rows .. width-1 of `to` become 0. */
static inline __attribute__((unused)) void transpose_pad(const float *from, int64_t ldf, int64_t rows, int64_t cols, float *to,
                                                         int64_t ldt, int64_t width) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        int64_t c = 0;
        for (; c + 4 <= cols; c += 4) {
            transpose4(from + r * ldf + c, ldf, to + c * ldt + r, ldt);
        }
        for (; c < cols; c++) {
            for (int64_t i = r; i < r + 4; i++) {
                to[c * ldt + i] = from[i * ldf + c];
            }
        }
    }
    for (; r < width; r++) {
        for (int64_t c = 0; c < cols; c++) {
            to[c * ldt + r] = r < rows ? from[r * ldf + c] : 0.0f;
        }
    }
}

/* to[r][0..width) = from[r][0..cols), padded with 0; rows .. height-1 become 0. */
static inline __attribute__((unused)) void copy_pad(const float *from, int64_t ldf, int64_t rows, int64_t cols, float *to,
                                                    int64_t ldt, int64_t height, int64_t width) {
    for (int64_t r = 0; r < height; r++) {
        int64_t given = r < rows ? cols : 0;
        if (given > 0) {
            memcpy(to + r * ldt, from + r * ldf, (size_t)given * sizeof(float));
        }
        if (width > given) {
            memset(to + r * ldt + given, 0, (size_t)(width - given) * sizeof(float));
        }
    }
}

#endif
