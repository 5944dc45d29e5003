/* The functions of setun/pi.h: checks and work splitting. */
#include "simd/pi/pi.h"

#include <math.h>

#include "simd/common/check.h"

/* Blocks of a task: of one candidate for the step, of many, and to dequantize. A task writes whole cache lines of its own where rows do. */
enum { SINGLE_TASK = 256, SEARCH_TASK = 32, DEQUANTIZE_TASK = 128 };

/* Outputs of at least so many bytes are written past the caches: they would drive out more than they find there. */
#define STREAMED_BYTES (INT64_C(8) << 20)

static setun_status grid_of(setun_context *context, int32_t bits, uint32_t magnitudes, pi_grid *grid) {
    SETUN_REQUIRE(context, bits == 2 || bits == 3, "bits = %d must be 2 or 3", bits);
    int half = 1 << (bits - 1), previous = 0;
    *grid = (pi_grid){.bits = bits, .half = half, .uniform = magnitudes == 0};
    for (int l = 0; l < 4 && magnitudes != 0; l++) {
        int magnitude = (int)(magnitudes >> 8 * l & 0xFF);
        SETUN_REQUIRE(context, l >= half ? magnitude == 0 : magnitude > previous && magnitude <= 127,
                      "magnitudes = 0x%08x must be %d bytes that rise from 1 to at most 127", magnitudes, half);
        previous = l < half ? magnitude : previous;
        grid->magnitude[l] = (float)previous;
    }
    for (int u = 0; u < PI_MOST_LEVELS; u++) {
        int code = u % (2 * half);
        grid->level[u] = grid->uniform    ? (float)(code - half)
                         : code >= half ? grid->magnitude[code - half]
                                        : -grid->magnitude[half - 1 - code];
    }
    return SETUN_OK;
}

#define PI_TRY(status)                                                                                                       \
    do {                                                                                                                     \
        setun_status tried = (status);                                                                                       \
        if (tried != SETUN_OK) {                                                                                             \
            return tried;                                                                                                    \
        }                                                                                                                    \
    } while (0)

/* n rows of k values, ld apart. */
static setun_status check_rows(setun_context *context, int64_t n, int64_t k, const char *name, int64_t ld) {
    int64_t values;
    SETUN_REQUIRE_AT_LEAST(context, n, 0);
    SETUN_REQUIRE_AT_LEAST(context, k, 0);
    SETUN_REQUIRE(context, k % PI_BLOCK == 0, "k = %lld must be a multiple of %d", (long long)k, PI_BLOCK);
    SETUN_REQUIRE(context, ld >= k, "%s = %lld must be >= k = %lld", name, (long long)ld, (long long)k);
    SETUN_REQUIRE_SHAPE(context, n, ld, &values);
    return SETUN_OK;
}

typedef struct quantize_job {
    const setun_pi_quantize_args *args;
    const setun_pi_kernels *kernels;
    pi_grid grid;
    pi_scaling scaling;
    int64_t per_row, blocks, per_task;
} quantize_job;

static void quantize_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const quantize_job *job = arg;
    const setun_pi_quantize_args *a = job->args;
    int64_t last = setun_min_i64(job->blocks, (task + 1) * job->per_task), bytes = SETUN_PI_BLOCK_BYTES(job->grid.bits);
    for (int64_t b = task * job->per_task, count; b < last; b += count) {
        int64_t row = b / job->per_row, column = b % job->per_row;
        count = setun_min_i64(last - b, job->per_row - column);
        const float *importance = a->importance == NULL ? NULL : a->importance + row * a->importance_stride + column * PI_BLOCK;
        job->kernels->quantize(a->x + row * a->ldx + column * PI_BLOCK, importance, &job->grid, &job->scaling, count,
                               a->blocks + b * bytes);
    }
}

static setun_status quantize(setun_context *context, const setun_pi_quantize_args *a) {
    SETUN_REQUIRE_ARGS(context, a);
    PI_TRY(check_rows(context, a->n, a->k, "ldx", a->ldx));
    quantize_job job = {.args = a, .kernels = setun_pi_select(setun_context_isa(context))};
    PI_TRY(grid_of(context, a->bits, a->magnitudes, &job.grid));
    SETUN_REQUIRE(context, a->base == SETUN_PI_ABSMAX || a->base == SETUN_PI_RMS, "base = %d must be 0 or 1", a->base);
    SETUN_REQUIRE(context, a->count >= 1 && a->count <= SETUN_PI_MOST_FACTORS, "count = %d must be in [1, %d]", a->count,
                  SETUN_PI_MOST_FACTORS);
    SETUN_REQUIRE_DATA(context, a->factors, a->count);
    for (int c = 0; c < a->count; c++) {
        SETUN_REQUIRE(context, a->factors[c] > 0 && a->factors[c] < INFINITY, "factors[%d] = %g must be positive and finite", c,
                      (double)a->factors[c]);
    }
    SETUN_REQUIRE(context, a->both_signs == 0 || a->both_signs == 1, "both_signs = %d must be 0 or 1", a->both_signs);
    SETUN_REQUIRE(context, a->importance_stride == 0 || a->importance_stride >= a->k,
                  "importance_stride = %lld must be 0 or >= k = %lld", (long long)a->importance_stride, (long long)a->k);
    int64_t values = a->n * a->k;
    SETUN_REQUIRE_DATA(context, a->x, values);
    SETUN_REQUIRE_DATA(context, a->blocks, values);
    int searched = a->count > 1 || a->both_signs;
    job.scaling = (pi_scaling){a->base, a->count, a->both_signs, a->factors};
    job.per_row = a->k / PI_BLOCK;
    job.blocks = a->n * job.per_row;
    job.per_task = searched ? SEARCH_TASK : SINGLE_TASK;
    setun_parallel(context, setun_ceil_div(job.blocks, job.per_task), quantize_task, &job);
    return SETUN_OK;
}

setun_status setun_pi_quantize(setun_context *context, const setun_pi_quantize_args *args) {
    SETUN_CALL(context, quantize(context, args));
}

typedef struct dequantize_job {
    const setun_pi_dequantize_args *args;
    const setun_pi_kernels *kernels;
    pi_grid grid;
    int64_t per_row, blocks;
    int streamed;
} dequantize_job;

static void dequantize_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const dequantize_job *job = arg;
    const setun_pi_dequantize_args *a = job->args;
    int64_t last = setun_min_i64(job->blocks, (task + 1) * DEQUANTIZE_TASK), bytes = SETUN_PI_BLOCK_BYTES(job->grid.bits);
    for (int64_t b = task * DEQUANTIZE_TASK; b < last; b++) {
        float *y = a->y + b / job->per_row * a->ldy + b % job->per_row * PI_BLOCK;
        job->kernels->dequantize(a->blocks + b * bytes, &job->grid, y, job->streamed);
    }
#if defined(__x86_64__)
    __builtin_ia32_sfence(); /* streamed stores are ordered by a fence only */
#endif
}

static setun_status dequantize(setun_context *context, const setun_pi_dequantize_args *a) {
    SETUN_REQUIRE_ARGS(context, a);
    PI_TRY(check_rows(context, a->n, a->k, "ldy", a->ldy));
    dequantize_job job = {.args = a, .kernels = setun_pi_select(setun_context_isa(context))};
    PI_TRY(grid_of(context, a->bits, a->magnitudes, &job.grid));
    int64_t values = a->n * a->k;
    SETUN_REQUIRE_DATA(context, a->blocks, values);
    SETUN_REQUIRE_DATA(context, a->y, values);
    job.per_row = a->k / PI_BLOCK;
    job.blocks = a->n * job.per_row;
    job.streamed = values * (int64_t)sizeof(float) >= STREAMED_BYTES;
    setun_parallel(context, setun_ceil_div(job.blocks, DEQUANTIZE_TASK), dequantize_task, &job);
    return SETUN_OK;
}

setun_status setun_pi_dequantize(setun_context *context, const setun_pi_dequantize_args *args) {
    SETUN_CALL(context, dequantize(context, args));
}
