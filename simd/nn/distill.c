/* Distance of softmax distributions for distillation: checks and splitting. */
#include <math.h>

#include "simd/nn/ranges.h"

static setun_status check(setun_context *context, const setun_distill_args *args) {
    int64_t values;
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE_AT_LEAST(context, args->n, 0);
    SETUN_REQUIRE_AT_LEAST(context, args->vocab, 1);
    SETUN_REQUIRE_SHAPE(context, args->n, args->vocab, &values);
    SETUN_REQUIRE(context, args->divergence >= SETUN_DIVERGENCE_FORWARD && args->divergence <= SETUN_DIVERGENCE_JENSEN,
                  "divergence = %d must be one of SETUN_DIVERGENCE_*", args->divergence);
    SETUN_REQUIRE(context, args->temperature >= 0x1p-20f && args->temperature <= 0x1p20f,
                  "temperature = %g must be in [2^-20, 2^20]", (double)args->temperature);
    SETUN_REQUIRE_DATA(context, args->student, values);
    SETUN_REQUIRE_DATA(context, args->teacher, values);
    SETUN_REQUIRE_DATA(context, args->loss, args->n);
    for (int64_t i = 0; args->weights != NULL && i < args->n; i++) {
        SETUN_REQUIRE(context, args->weights[i] >= 0 && args->weights[i] < INFINITY,
                      "weights[%lld] = %g must be finite and not negative", (long long)i, (double)args->weights[i]);
    }
    return SETUN_OK;
}

static void rows_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const nn_job *job = arg;
    job->kernels->distill(job->args, nn_first(job, task), nn_last(job, task));
}

static setun_status distill(setun_context *context, const setun_distill_args *args) {
    setun_status status = check(context, args);
    if (status != SETUN_OK) {
        return status;
    }
    nn_job job = nn_rows(context, args, args->n, 2 * args->vocab);
    setun_parallel(context, nn_tasks(&job), rows_task, &job);
    return SETUN_OK;
}

setun_status setun_distill(setun_context *context, const setun_distill_args *args) {
    SETUN_CALL(context, distill(context, args));
}
