/* fp32 products with few rows, of one tier: B is read once, from where it lies. Included by f32_body.h. */
#ifndef SETUN_GEMM_SKINNY_BODY_H
#define SETUN_GEMM_SKINNY_BODY_H

#include "simd/common/check.h"
#include "simd/common/vec.h"
#include "simd/gemm/gemm.h"

/* Rows of A that share one pass over B; more rows are more passes over B in cache. */
enum { SKINNY_GROUP = 4 };

VF_INLINE void put(const gemm_tile *t, int64_t i, int64_t j, float sum) {
    float *c = t->c + i * t->ldc + j;
    *c = t->beta == 0.0f ? t->alpha * sum : t->alpha * sum + t->beta * *c;
}

/* rows of A times `columns` rows of B (both contiguous along k): dot products. */
VF_INLINE void skinny_dots(const gemm_tile *t, int64_t j, const int64_t rows, const int64_t columns) {
    vf sum[SKINNY_GROUP][4];
    const float *b = t->b + j * t->ldb;
#pragma GCC unroll 4
    for (int64_t i = 0; i < rows; i++) {
#pragma GCC unroll 4
        for (int64_t c = 0; c < columns; c++) {
            sum[i][c] = vf_set1(0);
        }
    }
    VF_FOR(p, lanes, t->k) {
        vf x[SKINNY_GROUP];
#pragma GCC unroll 4
        for (int64_t i = 0; i < rows; i++) {
            x[i] = vf_get(t->a + i * t->lda + p, lanes);
        }
#pragma GCC unroll 4
        for (int64_t c = 0; c < columns; c++) {
            vf y = vf_get(b + c * t->ldb + p, lanes);
#pragma GCC unroll 4
            for (int64_t i = 0; i < rows; i++) {
                sum[i][c] = vf_fma(x[i], y, sum[i][c]);
            }
        }
    }
#pragma GCC unroll 4
    for (int64_t i = 0; i < rows; i++) {
#pragma GCC unroll 4
        for (int64_t c = 0; c < columns; c++) {
            put(t, i, j + c, vf_sum(sum[i][c]));
        }
    }
}

VF_INLINE void skinny_transposed(const gemm_tile *t, const int64_t rows) {
    int64_t j = 0;
    for (; j + 4 <= t->n; j += 4) {
        skinny_dots(t, j, rows, 4);
    }
    for (; j < t->n; j++) {
        skinny_dots(t, j, rows, 1);
    }
}

/* rows of A times B with rows contiguous along n: 4 vectors of columns at a time, down k. */
VF_INLINE void skinny_plain(const gemm_tile *t, const int64_t rows) {
    for (int64_t j = 0; j < t->n; j += 4 * VF_LANES) {
        vf sum[SKINNY_GROUP][4] = {0};
        int64_t left = setun_min_i64(4 * VF_LANES, t->n - j);
        for (int64_t p = 0; p < t->k; p++) {
            const float *b = t->b + p * t->ldb + j;
#pragma GCC unroll 4
            for (int64_t v = 0; v < 4; v++) {
                int64_t lanes = setun_min_i64(VF_LANES, left - v * VF_LANES);
                if (lanes <= 0) {
                    break;
                }
                vf y = vf_get(b + v * VF_LANES, lanes);
#pragma GCC unroll 4
                for (int64_t i = 0; i < rows; i++) {
                    sum[i][v] = vf_fma(vf_set1(t->a[i * t->lda + p]), y, sum[i][v]);
                }
            }
        }
        for (int64_t i = 0; i < rows; i++) {
            float flat[4 * VF_LANES];
            memcpy(flat, sum[i], sizeof flat);
            for (int64_t c = 0; c < left; c++) {
                put(t, i, j + c, flat[c]);
            }
        }
    }
}

static void skinny_group(const gemm_tile *t) {
    switch ((t->trans_b != 0) * SKINNY_GROUP + (int)t->m) {
        case 1: skinny_plain(t, 1); break;
        case 2: skinny_plain(t, 2); break;
        case 3: skinny_plain(t, 3); break;
        case 4: skinny_plain(t, 4); break;
        case 5: skinny_transposed(t, 1); break;
        case 6: skinny_transposed(t, 2); break;
        case 7: skinny_transposed(t, 3); break;
        default: skinny_transposed(t, 4); break;
    }
}

static void skinny(const gemm_tile *t) {
    for (int64_t i = 0; i < t->m; i += SKINNY_GROUP) {
        gemm_tile group = *t;
        group.m = setun_min_i64(SKINNY_GROUP, t->m - i);
        group.a += i * t->lda;
        group.c += i * t->ldc;
        skinny_group(&group);
    }
}

#endif
