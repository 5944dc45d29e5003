/* Absmean weights and absmax activations: the calls, split into chunks. */
#include <math.h>
#include <string.h>

#include "check.h"

enum { SUMS_PER_TASK = 16, VALUES_PER_TASK = 1 << 16 };

struct weights_job {
    const ternary_rows_kernels *kernels;
    const float *w;
    int64_t m, k, rows_per_task;
    double *sums;
    float inv;
    int8_t *codes;
    uint8_t *packed;
};

static void sum_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    struct weights_job *job = arg;
    int64_t count = job->m * job->k, chunks = setun_ceil_div(count, TERNARY_SUM_CHUNK);
    for (int64_t i = task * SUMS_PER_TASK; i < setun_min_i64((task + 1) * SUMS_PER_TASK, chunks); i++) {
        int64_t start = i * TERNARY_SUM_CHUNK;
        job->sums[i] = job->kernels->sum_abs(job->w + start, setun_min_i64(TERNARY_SUM_CHUNK, count - start));
    }
}

/* Pairs of neighbours, level by level; an odd last one moves up unchanged. */
static double tree_sum(double *sums, int64_t count) {
    for (; count > 1; count = setun_ceil_div(count, 2)) {
        for (int64_t i = 0; i < count / 2; i++) {
            sums[i] = sums[2 * i] + sums[2 * i + 1];
        }
        if (count % 2 != 0) {
            sums[count / 2] = sums[count - 1];
        }
    }
    return sums[0];
}

/* A value, or a lane, that is not finite makes the sum so, and gamma NaN. */
static setun_status absmean(setun_context *context, struct weights_job *job, float *gamma) {
    int64_t count = job->m * job->k;
    *gamma = TERNARY_FLOOR;
    if (count == 0) {
        return SETUN_OK;
    }
    int64_t chunks = setun_ceil_div(count, TERNARY_SUM_CHUNK);
    job->sums = setun_scratch(context, (size_t)chunks * sizeof *job->sums);
    if (job->sums == NULL) {
        return setun_fail(context, SETUN_OUT_OF_MEMORY, "no memory for %lld partial sums", (long long)chunks);
    }
    setun_parallel(context, setun_ceil_div(chunks, SUMS_PER_TASK), sum_task, job);
    double sum = tree_sum(job->sums, chunks);
    float mean = (float)(sum / (double)count);
    *gamma = !isfinite(sum) ? NAN : mean > TERNARY_FLOOR ? mean : TERNARY_FLOOR;
    return SETUN_OK;
}

static void codes_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    struct weights_job *job = arg;
    int64_t start = task * VALUES_PER_TASK, count = setun_min_i64(VALUES_PER_TASK, job->m * job->k - start);
    job->kernels->codes(job->w + start, count, job->inv, job->codes + start);
}

static void pack_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    struct weights_job *job = arg;
    int64_t kp = ternary_padded(job->k), rows = ternary_padded_rows(job->m);
    for (int64_t row = task * job->rows_per_task; row < setun_min_i64((task + 1) * job->rows_per_task, rows); row++) {
        uint8_t *packed = job->packed + ternary_row(kp, row);
        for (int64_t start = 0; start < job->k; start += TERNARY_BLOCK, packed += TERNARY_STEP) {
            int64_t count = row < job->m ? setun_min_i64(TERNARY_BLOCK, job->k - start) : 0;
            const float *w = job->w + row * job->k + start;
            float padded[TERNARY_BLOCK];
            if (count < TERNARY_BLOCK) {
                memset(padded + count, 0, (size_t)(TERNARY_BLOCK - count) * sizeof *padded);
                memcpy(padded, count > 0 ? w : padded, (size_t)count * sizeof *padded);
                w = padded;
            }
            job->kernels->pack_block(w, job->inv, packed);
        }
    }
}

/* To codes, or to packed where codes is NULL. */
static setun_status quantize(setun_context *context, const float *w, int64_t m, int64_t k, int8_t *codes, uint8_t *packed,
                             float *gamma) {
    TERNARY_TRY(ternary_check_shape(context, m, k));
    SETUN_REQUIRE_DATA(context, w, m * k);
    SETUN_REQUIRE_DATA(context, gamma, 1);
    struct weights_job job = {.kernels = ternary_kernels_of(context)->rows, .w = w, .m = m, .k = k, .codes = codes, .packed = packed};
    float scale;
    TERNARY_TRY(absmean(context, &job, &scale));
    job.inv = 1.0f / scale;
    if (codes != NULL) {
        setun_parallel(context, setun_ceil_div(m * k, VALUES_PER_TASK), codes_task, &job);
    } else if (packed != NULL && k > 0) {
        job.rows_per_task = setun_round_up(setun_ceil_div(VALUES_PER_TASK, k), TERNARY_GROUP);
        setun_parallel(context, setun_ceil_div(ternary_padded_rows(m), job.rows_per_task), pack_task, &job);
    }
    *gamma = scale;
    return SETUN_OK;
}

static setun_status quantize_to_codes(setun_context *context, const float *w, int64_t m, int64_t k, int8_t *codes, float *gamma) {
    SETUN_REQUIRE_DATA(context, codes, m > 0 && k > 0);
    return quantize(context, w, m, k, codes, NULL, gamma);
}

static setun_status quantize_to_packed(setun_context *context, const float *w, int64_t m, int64_t k, uint8_t *packed, float *gamma) {
    SETUN_REQUIRE_DATA(context, packed, m > 0 && k > 0);
    return quantize(context, w, m, k, NULL, packed, gamma);
}

setun_status setun_ternary_quantize(setun_context *context, const float *w, int64_t m, int64_t k, int8_t *codes, float *gamma) {
    SETUN_CALL(context, quantize_to_codes(context, w, m, k, codes, gamma));
}

setun_status setun_ternary_quantize_pack(setun_context *context, const float *w, int64_t m, int64_t k, uint8_t *packed,
                                         float *gamma) {
    SETUN_CALL(context, quantize_to_packed(context, w, m, k, packed, gamma));
}

struct rows_job {
    const ternary_rows_kernels *kernels;
    const setun_quantize_rows_args *args;
    int64_t rows_per_task;
};

static void quantize_rows_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const struct rows_job *job = arg;
    const setun_quantize_rows_args *a = job->args;
    for (int64_t t = task * job->rows_per_task; t < setun_min_i64((task + 1) * job->rows_per_task, a->n); t++) {
        job->kernels->quantize_row(a->x + t * a->ldx, a->k, a->q + t * a->ldq, a->step + t, a->sum + t);
    }
}

/* Rows that make a task worth handing out; a function of the shape alone. */
static int64_t rows_per_task(int64_t k) { return setun_ceil_div(VALUES_PER_TASK / 4, k > 0 ? k : 1); }

static setun_status quantize_rows(setun_context *context, const setun_quantize_rows_args *a) {
    SETUN_REQUIRE_ARGS(context, a);
    TERNARY_TRY(ternary_check_rows(context, "ldx", a->n, a->k, a->ldx, a->k));
    TERNARY_TRY(ternary_check_rows(context, "ldq", a->n, a->k, a->ldq, ternary_padded(a->k)));
    SETUN_REQUIRE_DATA(context, a->x, a->n * a->k);
    SETUN_REQUIRE_DATA(context, a->q, a->n * a->k);
    SETUN_REQUIRE_DATA(context, a->step, a->n);
    SETUN_REQUIRE_DATA(context, a->sum, a->n);
    struct rows_job job = {.kernels = ternary_kernels_of(context)->rows, .args = a, .rows_per_task = rows_per_task(a->k)};
    setun_parallel(context, setun_ceil_div(a->n, job.rows_per_task), quantize_rows_task, &job);
    return SETUN_OK;
}

setun_status setun_quantize_rows(setun_context *context, const setun_quantize_rows_args *args) {
    SETUN_CALL(context, quantize_rows(context, args));
}

struct dequantize_job {
    const int8_t *q;
    const float *step;
    int64_t n, k, rows_per_task;
    float *y;
};

static void dequantize_rows_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const struct dequantize_job *job = arg;
    for (int64_t t = task * job->rows_per_task; t < setun_min_i64((task + 1) * job->rows_per_task, job->n); t++) {
        const int8_t *restrict q = job->q + t * ternary_padded(job->k);
        float *restrict y = job->y + t * job->k;
        float step = job->step[t];
        for (int64_t i = 0; i < job->k; i++) {
            y[i] = (float)q[i] * step;
        }
    }
}

static setun_status dequantize_rows(setun_context *context, const int8_t *q, const float *step, int64_t n, int64_t k, float *y) {
    TERNARY_TRY(ternary_check_rows(context, "padded k", n, k, k < 0 ? k : ternary_padded(k), k));
    SETUN_REQUIRE_DATA(context, q, n * k);
    SETUN_REQUIRE_DATA(context, step, n);
    SETUN_REQUIRE_DATA(context, y, n * k);
    struct dequantize_job job = {.q = q, .step = step, .n = n, .k = k, .rows_per_task = rows_per_task(k), .y = y};
    setun_parallel(context, setun_ceil_div(n, job.rows_per_task), dequantize_rows_task, &job);
    return SETUN_OK;
}

setun_status setun_dequantize_rows(setun_context *context, const int8_t *q, const float *step, int64_t n, int64_t k, float *y) {
    SETUN_CALL(context, dequantize_rows(context, q, step, n, k, y));
}
