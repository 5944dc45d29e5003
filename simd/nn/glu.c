/* Gated linear units: checks and splitting. */
#include "simd/nn/ranges.h"

static setun_status check(setun_context *context, const setun_glu_args *args, int64_t *values) {
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE_AT_LEAST(context, args->n, 0);
    SETUN_REQUIRE_AT_LEAST(context, args->d, 0);
    SETUN_REQUIRE_SHAPE(context, args->n, args->d, values);
    SETUN_REQUIRE(context, args->kind == SETUN_GLU_SILU || args->kind == SETUN_GLU_RELU2,
                  "kind = %d must be 0 (silu) or 1 (squared relu)", args->kind);
    SETUN_REQUIRE_DATA(context, args->gate, *values);
    SETUN_REQUIRE_DATA(context, args->up, *values);
    return SETUN_OK;
}

static void forward_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const nn_job *job = arg;
    job->kernels->glu_forward(job->args, nn_first(job, task), nn_last(job, task));
}

static void backward_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const nn_job *job = arg;
    job->kernels->glu_backward(job->args, nn_first(job, task), nn_last(job, task));
}

static setun_status forward(setun_context *context, const setun_glu_args *args) {
    int64_t values;
    setun_status status = check(context, args, &values);
    if (status != SETUN_OK) {
        return status;
    }
    SETUN_REQUIRE_DATA(context, args->y, values);
    nn_job job = nn_rows(context, args, values, 1);
    setun_parallel(context, nn_tasks(&job), forward_task, &job);
    return SETUN_OK;
}

static setun_status backward(setun_context *context, const setun_glu_args *args) {
    int64_t values;
    setun_status status = check(context, args, &values);
    if (status != SETUN_OK) {
        return status;
    }
    SETUN_REQUIRE_DATA(context, args->dy, values);
    SETUN_REQUIRE_DATA(context, args->dgate, values);
    SETUN_REQUIRE_DATA(context, args->dup, values);
    nn_job job = nn_rows(context, args, values, 1);
    setun_parallel(context, nn_tasks(&job), backward_task, &job);
    return SETUN_OK;
}

setun_status setun_glu_forward(setun_context *context, const setun_glu_args *args) { SETUN_CALL(context, forward(context, args)); }

setun_status setun_glu_backward(setun_context *context, const setun_glu_args *args) {
    SETUN_CALL(context, backward(context, args));
}
