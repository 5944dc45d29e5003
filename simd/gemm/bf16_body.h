/* The bf16 GEMM kernels of one tier; included once per tier with BF16_KERNELS as the name of its table. */
#include "simd/common/check.h"
#include "simd/common/micro_bf16.h"
#include "simd/gemm/packed.h"

static void pack_rows(const packed_operand *a, int64_t rows, int64_t k, void *to, int64_t height) {
    switch (a->type * 2 + a->along) {
        case BF_F32 * 2: bf_pack_rows(BF_F32, 0, &a->source, rows, k, to, PACKED_STRIDE, height); break;
        case BF_F32 * 2 + 1: bf_pack_rows(BF_F32, 1, &a->source, rows, k, to, PACKED_STRIDE, height); break;
        case BF_BF16 * 2: bf_pack_rows(BF_BF16, 0, &a->source, rows, k, to, PACKED_STRIDE, height); break;
        case BF_BF16 * 2 + 1: bf_pack_rows(BF_BF16, 1, &a->source, rows, k, to, PACKED_STRIDE, height); break;
        case BF_I8 * 2: bf_pack_rows(BF_I8, 0, &a->source, rows, k, to, PACKED_STRIDE, height); break;
        default: bf_pack_rows(BF_I8, 1, &a->source, rows, k, to, PACKED_STRIDE, height); break;
    }
}

static void pack_panels(const packed_operand *b, int64_t n, int64_t k, void *to) {
    switch (b->type * 2 + b->along) {
        case BF_F32 * 2: bf_pack_panels(BF_F32, 0, &b->source, n, k, to); break;
        case BF_F32 * 2 + 1: bf_pack_panels(BF_F32, 1, &b->source, n, k, to); break;
        case BF_BF16 * 2: bf_pack_panels(BF_BF16, 0, &b->source, n, k, to); break;
        case BF_BF16 * 2 + 1: bf_pack_panels(BF_BF16, 1, &b->source, n, k, to); break;
        case BF_I8 * 2: bf_pack_panels(BF_I8, 0, &b->source, n, k, to); break;
        case BF_I8 * 2 + 1: bf_pack_panels(BF_I8, 1, &b->source, n, k, to); break;
        default: bf_pack_panels(BF_TERNARY, 0, &b->source, n, k, to); break;
    }
}

/* Rows of A stay in the first cache and meet the columns of the tile, which stay in the second one, for the next tile along m too. */
static void tile(const packed_tile *t) {
    const bf_value *a = t->a, *b = t->b;
    bf_tiles_begin();
    for (int64_t i = 0; i < t->m; i += BF_ROWS) {
        int64_t rows = setun_min_i64(BF_ROWS, t->m - i);
        for (int64_t j = 0; j < t->n; j += BF_COLS) {
            int64_t columns = setun_min_i64(BF_COLS, t->n - j);
            float *c = t->c + i * t->ldc + j;
            for (int64_t r = 0; r < rows; r++) {
                __builtin_prefetch(c + r * t->ldc, 1);
                __builtin_prefetch(c + r * t->ldc + columns - 1, 1);
            }
            vf acc[BF_ROWS][BF_VECS];
            bf_product(t->k, a + i * PACKED_STRIDE, PACKED_STRIDE, b + j * t->k, acc);
            micro_finish(BF_ROWS, c, t->ldc, rows, columns, t->alpha, t->beta, t->bias == NULL ? NULL : t->bias + j, acc);
        }
    }
    bf_tiles_end();
}

const packed_kernels BF16_KERNELS = {.rows = BF_ROWS,
                                         .columns = BF_COLS,
                                         .depth = BF_DEPTH,
                                         .value_bytes = sizeof(bf_value),
                                         .pack_rows = pack_rows,
                                         .pack_panels = pack_panels,
                                         .tile = tile};
