/* The functions of setun/optim.h: checks and work splitting. */
#include "simd/optim/optim.h"

#include <math.h>

#include "simd/common/check.h"

/* Sum chunks of one task, values of one update task. */
enum { SUM_TASK = 8, UPDATE_TASK = 1 << 14 };

typedef struct sum_job {
    double (*kernel)(const float *x, int64_t count);
    const float *x;
    int64_t count, chunks;
    double *sums;
} sum_job;

static void sum_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const sum_job *job = arg;
    int64_t last = setun_min_i64(job->chunks, (task + 1) * SUM_TASK);
    for (int64_t chunk = task * SUM_TASK; chunk < last; chunk++) {
        int64_t first = chunk * SUM_CHUNK;
        job->sums[chunk] = job->kernel(job->x + first, setun_min_i64(SUM_CHUNK, job->count - first));
    }
}

static double tree(double *sums, int64_t n) {
    if (n == 0) {
        return 0;
    }
    for (; n > 1; n = (n + 1) / 2) {
        for (int64_t i = 0; i < n / 2; i++) {
            sums[i] = sums[2 * i] + sums[2 * i + 1];
        }
        if (n % 2 == 1) {
            sums[n / 2] = sums[n - 1];
        }
    }
    return sums[0];
}

static setun_status sum_of(setun_context *context, double (*kernel)(const float *, int64_t), const float *x, int64_t count,
                           double *out) {
    int64_t values;
    SETUN_REQUIRE_AT_LEAST(context, count, 0);
    SETUN_REQUIRE_SHAPE(context, count, 1, &values);
    SETUN_REQUIRE_DATA(context, x, count);
    SETUN_REQUIRE_DATA(context, out, 1);
    sum_job job = {.kernel = kernel, .x = x, .count = count, .chunks = setun_ceil_div(count, SUM_CHUNK)};
    job.sums = setun_scratch(context, (size_t)setun_max_i64(1, job.chunks) * sizeof(double));
    if (job.sums == NULL) {
        return setun_fail(context, SETUN_OUT_OF_MEMORY, "no memory for the sums of %lld chunks", (long long)job.chunks);
    }
    setun_parallel(context, setun_ceil_div(job.chunks, SUM_TASK), sum_task, &job);
    *out = tree(job.sums, job.chunks);
    return SETUN_OK;
}

setun_status setun_sum(setun_context *context, const float *x, int64_t count, double *out) {
    SETUN_CALL(context, sum_of(context, setun_optim_select(setun_context_isa(context))->sum, x, count, out));
}

setun_status setun_sum_squares(setun_context *context, const float *x, int64_t count, double *out) {
    SETUN_CALL(context, sum_of(context, setun_optim_select(setun_context_isa(context))->sum_squares, x, count, out));
}

static setun_status clip_factor(setun_context *context, const double *sums, int64_t count, float max_norm, float *out) {
    SETUN_REQUIRE_AT_LEAST(context, count, 0);
    SETUN_REQUIRE_DATA(context, sums, count);
    SETUN_REQUIRE_DATA(context, out, 2);
    double total = 0;
    for (int64_t i = 0; i < count; i++) {
        total += sums[i];
    }
    float norm = (float)sqrt(total);
    out[0] = norm;
    out[1] = !isfinite(norm) ? 0.0f : max_norm > 0 && norm > max_norm ? max_norm / norm : 1.0f;
    return SETUN_OK;
}

setun_status setun_clip_factor(setun_context *context, const double *sums, int64_t count, float max_norm, float *out) {
    SETUN_CALL(context, clip_factor(context, sums, count, max_norm, out));
}

typedef struct update_job {
    const void *args;
    const setun_optim_kernels *kernels;
    int64_t count;
    float factor;
} update_job;

/* The update by `task`, unless the factor of the gradient is 0: a step whose gradient is not finite is skipped, not absorbed. */
static setun_status update(setun_context *context, const void *args, int64_t count, const float *grad_factor, setun_task task) {
    update_job job = {args, setun_optim_select(setun_context_isa(context)), count, grad_factor == NULL ? 1.0f : *grad_factor};
    if (job.factor != 0.0f) {
        setun_parallel(context, setun_ceil_div(count, UPDATE_TASK), task, &job);
    }
    return SETUN_OK;
}

#define UPDATE_TASK_OF(kernel)                                                                                                     \
    static void kernel##_task(void *arg, int64_t task, int32_t worker) {                                                           \
        (void)worker;                                                                                                              \
        const update_job *job = arg;                                                                                               \
        int64_t first = task * UPDATE_TASK;                                                                                        \
        job->kernels->kernel(job->args, job->factor, first, setun_min_i64(job->count, first + UPDATE_TASK));                       \
    }

UPDATE_TASK_OF(adamw)
UPDATE_TASK_OF(sgd)
UPDATE_TASK_OF(lion)
UPDATE_TASK_OF(adamw8)

/* What every descriptor of an update has: weights and gradients; `values` gets their number. */
#define REQUIRE_UPDATE(context, args, values)                                                                                      \
    SETUN_REQUIRE_ARGS(context, args);                                                                                             \
    SETUN_REQUIRE_AT_LEAST(context, (args)->count, 0);                                                                             \
    SETUN_REQUIRE_SHAPE(context, (args)->count, 1, &(values));                                                                     \
    SETUN_REQUIRE_DATA(context, (args)->w, values);                                                                                \
    SETUN_REQUIRE_DATA(context, (args)->g, values)

/* The corrections that moments are divided by. */
#define REQUIRE_BIAS(context, args)                                                                                                \
    SETUN_REQUIRE(context, (args)->bias1 > 0, "bias1 = %g must be > 0", (double)(args)->bias1);                                    \
    SETUN_REQUIRE(context, (args)->bias2 > 0, "bias2 = %g must be > 0", (double)(args)->bias2)

static setun_status adamw(setun_context *context, const setun_adamw_args *args) {
    int64_t values;
    REQUIRE_UPDATE(context, args, values);
    SETUN_REQUIRE_DATA(context, args->m, values);
    SETUN_REQUIRE_DATA(context, args->v, values);
    REQUIRE_BIAS(context, args);
    return update(context, args, values, args->grad_factor, adamw_task);
}

static setun_status sgd(setun_context *context, const setun_sgd_args *args) {
    int64_t values;
    REQUIRE_UPDATE(context, args, values);
    SETUN_REQUIRE(context, !args->nesterov || args->m != NULL, "nesterov = %d needs m", args->nesterov);
    return update(context, args, values, args->grad_factor, sgd_task);
}

static setun_status lion(setun_context *context, const setun_lion_args *args) {
    int64_t values;
    REQUIRE_UPDATE(context, args, values);
    SETUN_REQUIRE_DATA(context, args->m, values);
    return update(context, args, values, args->grad_factor, lion_task);
}

static setun_status adamw8(setun_context *context, const setun_adamw8_args *args) {
    int64_t values;
    REQUIRE_UPDATE(context, args, values);
    SETUN_REQUIRE_DATA(context, args->m, values);
    SETUN_REQUIRE_DATA(context, args->v, values);
    SETUN_REQUIRE_DATA(context, args->m_scale, values);
    SETUN_REQUIRE_DATA(context, args->v_scale, values);
    REQUIRE_BIAS(context, args);
    return update(context, args, values, args->grad_factor, adamw8_task);
}

setun_status setun_adamw(setun_context *context, const setun_adamw_args *args) { SETUN_CALL(context, adamw(context, args)); }

setun_status setun_sgd(setun_context *context, const setun_sgd_args *args) { SETUN_CALL(context, sgd(context, args)); }

setun_status setun_lion(setun_context *context, const setun_lion_args *args) { SETUN_CALL(context, lion(context, args)); }

setun_status setun_adamw8(setun_context *context, const setun_adamw8_args *args) { SETUN_CALL(context, adamw8(context, args)); }
