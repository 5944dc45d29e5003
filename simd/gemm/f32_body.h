/* The fp32 GEMM kernels of one tier; included once per tier with GEMM_KERNELS as the name of its table. */
#include "simd/common/micro.h"
#include "simd/gemm/skinny_body.h"

/* Rows of A: [rows][PACKED_STRIDE] if the source's rows run along the reduction, else groups of MICRO_ROWS rows, [k][MICRO_ROWS] each, a group
 * per MICRO_ROWS * PACKED_STRIDE values. Either way they are copied as they lie, and the inner loop reads them with constant steps. */
static void pack_rows(const packed_operand *a, int64_t rows, int64_t k, void *packed, int64_t height) {
    float *to = packed;
    const float *from = a->source.data;
    if (a->along) {
        copy_pad(from, a->source.ld, rows, k, to, PACKED_STRIDE, height, k);
        return;
    }
    for (int64_t p = 0; p < k; p++, from += a->source.ld) {
        float *group = to + p * MICRO_ROWS;
        int64_t i = 0;
        for (; i + MICRO_ROWS <= rows; i += MICRO_ROWS, group += MICRO_ROWS * PACKED_STRIDE) {
            memcpy(group, from + i, MICRO_ROWS * sizeof *group);
        }
        for (; i < height; i++) {
            group[i % MICRO_ROWS] = i < rows ? from[i] : 0.0f;
        }
    }
}

/* Panels of MICRO_COLS columns of B, [k][MICRO_COLS] each. */
static void pack_panels(const packed_operand *b, int64_t n, int64_t k, void *packed) {
    float *to = packed;
    const float *from = b->source.data;
    for (int64_t j = 0; j < n; j += MICRO_COLS, to += k * MICRO_COLS) {
        int64_t columns = setun_min_i64(MICRO_COLS, n - j);
        if (b->along) {
            transpose_pad(from + j * b->source.ld, b->source.ld, columns, k, to, MICRO_COLS, MICRO_COLS);
        } else {
            copy_pad(from + j, b->source.ld, k, columns, to, MICRO_COLS, k, MICRO_COLS);
        }
    }
}

/* row and step are constants of the caller, for the addressing of the inner loop. */
VF_INLINE void block_of_rows(const packed_tile *t, const float *a, int64_t row, int64_t step, int64_t rows, float *c) {
    const float *b = t->b;
    for (int64_t j = 0; j < t->n; j += MICRO_COLS, b += t->k * MICRO_COLS) {
        int64_t columns = setun_min_i64(MICRO_COLS, t->n - j);
        for (int64_t r = 0; r < rows; r++) {
            __builtin_prefetch(c + r * t->ldc + j, 1);
            __builtin_prefetch(c + r * t->ldc + j + columns - 1, 1);
        }
        vf acc[MICRO_ROWS][MICRO_VECS];
        micro_product(t->k, a, row, step, b, MICRO_COLS, acc);
        micro_finish(MICRO_ROWS, c + j, t->ldc, rows, columns, t->alpha, t->beta, t->bias == NULL ? NULL : t->bias + j, acc);
    }
}

static void tile(const packed_tile *t) {
    const float *a = t->a;
    for (int64_t i = 0; i < t->m; i += MICRO_ROWS) {
        int64_t rows = setun_min_i64(MICRO_ROWS, t->m - i);
        if (t->along_a) {
            block_of_rows(t, a + i * PACKED_STRIDE, PACKED_STRIDE, 1, rows, t->c + i * t->ldc);
        } else {
            block_of_rows(t, a + i * PACKED_STRIDE, 1, MICRO_ROWS, rows, t->c + i * t->ldc);
        }
    }
}

const setun_gemm_kernels GEMM_KERNELS = {.packed = {.rows = MICRO_ROWS,
                                                    .columns = MICRO_COLS,
                                                    .depth = 1,
                                                    .value_bytes = sizeof(float),
                                                    .pack_rows = pack_rows,
                                                    .pack_panels = pack_panels,
                                                    .tile = tile},
                                         .skinny = skinny};
