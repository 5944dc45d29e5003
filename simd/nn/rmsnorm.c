/* RMSNorm: checks and splitting. */
#include "simd/nn/ranges.h"

typedef struct backward_job {
    nn_job rows;
    float *partial; /* [ranges][d] shares of dw, or NULL */
} backward_job;

static setun_status check(setun_context *context, const setun_rmsnorm_args *args, int64_t *values) {
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE_AT_LEAST(context, args->n, 0);
    SETUN_REQUIRE_AT_LEAST(context, args->d, 1);
    SETUN_REQUIRE(context, args->eps >= 0, "eps = %g must be >= 0", (double)args->eps);
    SETUN_REQUIRE_SHAPE(context, args->n, args->d, values);
    SETUN_REQUIRE_DATA(context, args->x, *values);
    SETUN_REQUIRE_DATA(context, args->w, *values);
    return SETUN_OK;
}

static void forward_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const nn_job *job = arg;
    job->kernels->rmsnorm_forward(job->args, nn_first(job, task), nn_last(job, task));
}

static setun_status forward(setun_context *context, const setun_rmsnorm_args *args) {
    int64_t values;
    setun_status status = check(context, args, &values);
    if (status != SETUN_OK) {
        return status;
    }
    SETUN_REQUIRE_DATA(context, args->y, values);
    nn_job job = nn_rows(context, args, args->n, args->d);
    setun_parallel(context, nn_tasks(&job), forward_task, &job);
    return SETUN_OK;
}

static void backward_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const backward_job *job = arg;
    const setun_rmsnorm_args *args = job->rows.args;
    float *dw = NULL;
    if (job->partial != NULL) {
        dw = job->partial + task * args->d;
        memset(dw, 0, (size_t)args->d * sizeof(float));
    }
    job->rows.kernels->rmsnorm_backward(args, nn_first(&job->rows, task), nn_last(&job->rows, task), dw);
}

static setun_status backward(setun_context *context, const setun_rmsnorm_args *args) {
    int64_t values;
    setun_status status = check(context, args, &values);
    if (status != SETUN_OK || args->n == 0) {
        return status;
    }
    SETUN_REQUIRE_DATA(context, args->rstd, args->n);
    SETUN_REQUIRE_DATA(context, args->dy, values);
    SETUN_REQUIRE_DATA(context, args->dx, values);
    backward_job job = {.rows = {args, nn_kernels(context), args->n, nn_sum_rows(args->n)}};
    int64_t ranges = nn_tasks(&job.rows);
    if (args->dw != NULL) {
        SETUN_REQUIRE_SCRATCH(context, job.partial, ranges * args->d);
    }
    setun_parallel(context, ranges, backward_task, &job);
    if (args->dw != NULL) {
        nn_combine(context, job.partial, ranges, args->d, args->dw);
    }
    return SETUN_OK;
}

setun_status setun_rmsnorm_forward(setun_context *context, const setun_rmsnorm_args *args) {
    SETUN_CALL(context, forward(context, args));
}

setun_status setun_rmsnorm_backward(setun_context *context, const setun_rmsnorm_args *args) {
    SETUN_CALL(context, backward(context, args));
}
