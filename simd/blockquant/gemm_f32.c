/* Packed weights as fp32: expanded rows, and products with fp32 activations, for which tiles of weights are expanded and multiplied by the
 * fp32 kernels. A tile lies as op(B) of a product, values by rows, so that nothing is transposed. */
#include <inttypes.h>

#include "check.h"
#include "simd/gemm/gemm.h"

enum {
    TILE_GROUPS = 4,
    TILE_ROWS = TILE_GROUPS * BLOCK_ROWS,
    TILE_BLOCKS = 2,                                          /* of a row */
    TILE_VALUES = TILE_BLOCKS * BLOCK_VALUES * TILE_ROWS,
    STRIP = 64,                                               /* rows of x that are packed together */
    GEMM_VALUES = 2 * TILE_VALUES + STRIP * PACKED_STRIDE,    /* a tile, and both operands packed */
    EXPAND_VALUES = BLOCK_VALUES * BLOCK_ROWS
};

struct job {
    const block_kernels *kernels;
    const setun_gemm_kernels *products;
    const uint8_t *w;
    int64_t k, blocks, record_bytes;
    float *scratch;
    int64_t worker_values;
    const setun_block_expand_args *expand;
    const setun_block_gemm_f32_args *gemm;
};

static const uint8_t *record_of(const struct job *job, int64_t group, int64_t block) {
    return job->w + BLOCK_PARAMETERS + (group * job->blocks + block) * job->record_bytes;
}

/* The rows asked for of one group of 16. */
static void expand_task(void *arg, int64_t task, int32_t worker) {
    const struct job *job = arg;
    const setun_block_expand_args *a = job->expand;
    float *values = job->scratch + worker * job->worker_values;
    int64_t group = a->row / BLOCK_ROWS + task, first = setun_max_i64(a->row, group * BLOCK_ROWS);
    int64_t last = setun_min_i64(a->row + a->rows, (group + 1) * BLOCK_ROWS);
    for (int64_t b = 0; b < job->blocks; b++) {
        job->kernels->expand(job->w, record_of(job, group, b), values, BLOCK_ROWS);
        for (int64_t row = first; row < last; row++) {
            float *out = a->out + (row - a->row) * job->k + b * BLOCK_VALUES;
            for (int64_t i = 0; i < setun_min_i64(BLOCK_VALUES, job->k - b * BLOCK_VALUES); i++) {
                out[i] = values[i * BLOCK_ROWS + row % BLOCK_ROWS];
            }
        }
    }
}

/* y[n][rows] = or += x * tile; the tile is [depth][TILE_ROWS], and packed behind itself. */
static void multiply(const struct job *job, int64_t row, int64_t rows, int64_t block, int64_t depth, float *tile) {
    const setun_block_gemm_f32_args *a = job->gemm;
    const packed_kernels *kernels = &job->products->packed;
    float *panels = tile + TILE_VALUES, *strip = panels + TILE_VALUES;
    const packed_operand b = {BF_F32, 0, {tile, TILE_ROWS, NULL}};
    kernels->pack_panels(&b, rows, depth, panels);
    for (int64_t t = 0; t < a->n; t += STRIP) {
        int64_t some = setun_min_i64(STRIP, a->n - t);
        const packed_operand x = {BF_F32, 1, {a->x + t * a->ldx + block * BLOCK_VALUES, a->ldx, NULL}};
        kernels->pack_rows(&x, some, depth, strip, setun_round_up(some, kernels->rows));
        const packed_tile product = {.m = some,
                                     .n = rows,
                                     .k = depth,
                                     .a = strip,
                                     .b = panels,
                                     .along_a = 1,
                                     .alpha = 1,
                                     .beta = block == 0 ? 0 : 1,
                                     .c = a->y + t * a->ldy + row,
                                     .ldc = a->ldy};
        kernels->tile(&product);
    }
}

static void gemm_task(void *arg, int64_t task, int32_t worker) {
    const struct job *job = arg;
    const setun_block_gemm_f32_args *a = job->gemm;
    float *tile = job->scratch + worker * job->worker_values;
    int64_t row = task * TILE_ROWS, rows = setun_min_i64(TILE_ROWS, a->m - row);
    for (int64_t b = 0; b < job->blocks; b += TILE_BLOCKS) {
        int64_t depth = setun_min_i64(TILE_BLOCKS * BLOCK_VALUES, job->k - b * BLOCK_VALUES);
        for (int64_t g = 0; g < setun_ceil_div(rows, BLOCK_ROWS); g++) {
            for (int64_t i = 0; i < setun_ceil_div(depth, BLOCK_VALUES); i++) {
                job->kernels->expand(job->w, record_of(job, task * TILE_GROUPS + g, b + i), tile + i * BLOCK_VALUES * TILE_ROWS + g * BLOCK_ROWS,
                                     TILE_ROWS);
            }
        }
        if (a->n > GEMM_SKINNY_ROWS) {
            multiply(job, row, rows, b, depth, tile);
            continue;
        }
        const gemm_tile product = {.m = a->n,
                                   .n = rows,
                                   .k = depth,
                                   .alpha = 1,
                                   .beta = b == 0 ? 0 : 1,
                                   .a = a->x + b * BLOCK_VALUES,
                                   .lda = a->ldx,
                                   .b = tile,
                                   .ldb = TILE_ROWS,
                                   .c = a->y + row,
                                   .ldc = a->ldy};
        job->products->skinny(&product);
    }
    for (int64_t t = 0; t < a->n && (a->bias != NULL || job->blocks == 0); t++) {
        float *y = a->y + t * a->ldy + row;
        for (int64_t r = 0; r < rows; r++) {
            y[r] = (job->blocks == 0 ? 0.0f : y[r]) + (a->bias == NULL ? 0.0f : a->bias[row + r]);
        }
    }
}

static setun_status begin(setun_context *context, struct job *job, setun_block_format format, int64_t m, int64_t k) {
    int index;
    BLOCK_TRY(block_check_matrix(context, format, m, k, &index));
    job->kernels = block_table_of(context)->formats[index];
    job->products = setun_gemm_select(setun_context_isa(context));
    job->record_bytes = block_format_of(format, &index)->record_bytes;
    job->k = k;
    job->blocks = block_count(k);
    return SETUN_OK;
}

static setun_status expand(setun_context *context, const setun_block_expand_args *a) {
    SETUN_REQUIRE_ARGS(context, a);
    struct job job = {.w = a->w, .expand = a, .worker_values = EXPAND_VALUES};
    BLOCK_TRY(begin(context, &job, a->format, a->m, a->k));
    SETUN_REQUIRE(context, a->row >= 0 && a->rows >= 0 && a->row <= a->m - a->rows,
                  "row = %" PRId64 " and rows = %" PRId64 " must lie in m = %" PRId64 " rows", a->row, a->rows, a->m);
    int64_t values;
    SETUN_REQUIRE_SHAPE(context, a->rows, a->k, &values);
    SETUN_REQUIRE_DATA(context, a->w, values);
    SETUN_REQUIRE_DATA(context, a->out, values);
    if (values > 0) {
        SETUN_REQUIRE_SCRATCH(context, job.scratch, setun_workers(context) * job.worker_values);
        setun_parallel(context, (a->row + a->rows - 1) / BLOCK_ROWS - a->row / BLOCK_ROWS + 1, expand_task, &job);
    }
    return SETUN_OK;
}

static setun_status gemm(setun_context *context, const setun_block_gemm_f32_args *a) {
    SETUN_REQUIRE_ARGS(context, a);
    struct job job = {.w = a->w, .gemm = a, .worker_values = GEMM_VALUES};
    BLOCK_TRY(begin(context, &job, a->format, a->m, a->k));
    BLOCK_TRY(block_check_rows(context, "ldx", a->n, a->k, a->ldx));
    if (a->m == 0 || a->n == 0) {
        return SETUN_OK;
    }
    int64_t values;
    SETUN_REQUIRE(context, a->ldy >= a->m, "ldy = %" PRId64 " must be >= %" PRId64, a->ldy, a->m);
    SETUN_REQUIRE_SHAPE(context, a->n, a->ldy, &values);
    SETUN_REQUIRE_DATA(context, a->y, values);
    SETUN_REQUIRE_DATA(context, a->w, a->m * a->k);
    SETUN_REQUIRE_DATA(context, a->x, a->n * a->k);
    SETUN_REQUIRE_SCRATCH(context, job.scratch, setun_workers(context) * job.worker_values);
    setun_parallel(context, setun_ceil_div(a->m, TILE_ROWS), gemm_task, &job);
    return SETUN_OK;
}

setun_status setun_block_expand(setun_context *context, const setun_block_expand_args *args) { SETUN_CALL(context, expand(context, args)); }

setun_status setun_block_gemm_f32(setun_context *context, const setun_block_gemm_f32_args *args) {
    SETUN_CALL(context, gemm(context, args));
}
