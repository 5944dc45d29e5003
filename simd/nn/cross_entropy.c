/* Fused softmax cross-entropy: checks and splitting. */
#include "simd/nn/ranges.h"

static setun_status check(setun_context *context, const setun_cross_entropy_args *args) {
    int64_t values;
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE_AT_LEAST(context, args->n, 0);
    SETUN_REQUIRE_AT_LEAST(context, args->vocab, 1);
    SETUN_REQUIRE_SHAPE(context, args->n, args->vocab, &values);
    SETUN_REQUIRE(context, args->label_smoothing >= 0 && args->label_smoothing <= 1, "label_smoothing = %g must be in [0, 1]",
                  (double)args->label_smoothing);
    SETUN_REQUIRE_DATA(context, args->logits, values);
    SETUN_REQUIRE_DATA(context, args->targets, args->n);
    SETUN_REQUIRE_DATA(context, args->loss, args->n);
    for (int64_t i = 0; i < args->n; i++) {
        SETUN_REQUIRE(context, args->targets[i] >= -1 && args->targets[i] < args->vocab,
                      "targets[%lld] = %d must be in [0, %lld), or -1 to ignore the row", (long long)i, args->targets[i],
                      (long long)args->vocab);
    }
    return SETUN_OK;
}

static void rows_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const nn_job *job = arg;
    job->kernels->cross_entropy(job->args, nn_first(job, task), nn_last(job, task));
}

static setun_status cross_entropy(setun_context *context, const setun_cross_entropy_args *args) {
    setun_status status = check(context, args);
    if (status != SETUN_OK) {
        return status;
    }
    nn_job job = nn_rows(context, args, args->n, args->vocab);
    setun_parallel(context, nn_tasks(&job), rows_task, &job);
    return SETUN_OK;
}

setun_status setun_cross_entropy(setun_context *context, const setun_cross_entropy_args *args) {
    SETUN_CALL(context, cross_entropy(context, args));
}
