/* The GEMM kernels of one tier; included once per tier with GEMM_KERNELS as the name of its table. */
#include "simd/common/check.h"
#include "simd/common/micro.h"
#include "simd/gemm/gemm.h"

/* op(B)[p0 .. p0+depth)[j0 .. j0+width) as panels of MICRO_COLS columns, each [depth][MICRO_COLS]. */
static void pack_b(const gemm_tile *t, int64_t p0, int64_t depth, int64_t j0, int64_t width, float *to) {
    for (int64_t j = 0; j < width; j += MICRO_COLS, to += depth * MICRO_COLS) {
        int64_t columns = setun_min_i64(MICRO_COLS, width - j);
        if (t->trans_b) {
            transpose_pad(t->b + (j0 + j) * t->ldb + p0, t->ldb, columns, depth, to, MICRO_COLS, MICRO_COLS);
        } else {
            copy_pad(t->b + p0 * t->ldb + j0 + j, t->ldb, depth, columns, to, MICRO_COLS, depth, MICRO_COLS);
        }
    }
}

/* One panel of rows against the packed block of B. row and step are constants of the caller, for the addressing of the inner loop. */
VF_INLINE void panel(const gemm_tile *t, const float *a, int64_t row, int64_t step, int64_t rows, int64_t depth, const float *b,
                     int64_t width, float *c, float beta) {
    for (int64_t j = 0; j < width; j += MICRO_COLS, b += depth * MICRO_COLS) {
        vf acc[MICRO_ROWS][MICRO_VECS];
        micro_product(depth, a, row, step, b, MICRO_COLS, acc);
        micro_finish(MICRO_ROWS, c + j, t->ldc, rows, setun_min_i64(MICRO_COLS, width - j), t->alpha, beta, NULL, acc);
    }
}

/* Rows [i0, i0+rows) of op(A), k from p0: panels of MICRO_ROWS, each [depth][MICRO_ROWS], if A is transposed, else rows
 * with a fixed stride. Either way the inner loop reads a panel with constant steps, and no two rows fall on one cache set. */
static void pack_a(const gemm_tile *t, int64_t p0, int64_t depth, int64_t i0, int64_t rows, float *to) {
    if (!t->trans_a) {
        copy_pad(t->a + i0 * t->lda + p0, t->lda, rows, depth, to, GEMM_STRIDE, setun_round_up(rows, MICRO_ROWS), depth);
        return;
    }
    for (int64_t p = 0; p < depth; p++) {
        const float *from = t->a + (p0 + p) * t->lda + i0;
        float *panel_row = to + p * MICRO_ROWS;
        int64_t i = 0;
        for (; i + MICRO_ROWS <= rows; i += MICRO_ROWS, panel_row += GEMM_STRIDE * MICRO_ROWS) {
            memcpy(panel_row, from + i, MICRO_ROWS * sizeof(float));
        }
        for (; i < setun_round_up(rows, MICRO_ROWS); i++) {
            panel_row[i % MICRO_ROWS] = i < rows ? from[i] : 0.0f;
        }
    }
}

static void strips(const gemm_tile *t, int64_t p0, int64_t depth, const float *b, int64_t width, float *c, float beta, float *a) {
    for (int64_t i0 = 0; i0 < t->m; i0 += GEMM_STRIP) {
        int64_t strip = setun_min_i64(GEMM_STRIP, t->m - i0);
        pack_a(t, p0, depth, i0, strip, a);
        for (int64_t i = 0; i < strip; i += MICRO_ROWS) {
            int64_t rows = setun_min_i64(MICRO_ROWS, strip - i);
            float *to = c + (i0 + i) * t->ldc;
            if (t->trans_a) {
                panel(t, a + i * GEMM_STRIDE, 1, MICRO_ROWS, rows, depth, b, width, to, beta);
            } else {
                panel(t, a + i * GEMM_STRIDE, GEMM_STRIDE, 1, rows, depth, b, width, to, beta);
            }
        }
    }
}

static void tile(const gemm_tile *t, float *scratch) {
    float *b = scratch, *a = scratch + GEMM_DEPTH * GEMM_WIDTH;
    int64_t depth = setun_ceil_div(t->k, setun_ceil_div(t->k, GEMM_DEPTH)); /* equal blocks: no thin last one */
    for (int64_t j = 0; j < t->n; j += GEMM_WIDTH) {
        int64_t width = setun_min_i64(GEMM_WIDTH, t->n - j);
        for (int64_t p = 0; p < t->k; p += depth) {
            int64_t d = setun_min_i64(depth, t->k - p);
            pack_b(t, p, d, j, width, b);
            strips(t, p, d, b, width, t->c + j, p == 0 ? t->beta : 1.0f, a);
        }
    }
}

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

const setun_gemm_kernels GEMM_KERNELS = {tile, skinny};
