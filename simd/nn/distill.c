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

typedef struct distill_job {
    nn_job rows;
    int64_t scratch_each;
    float *scratch; /* per worker: a whole number of lines, for two rows */
} distill_job;

static void rows_task(void *arg, int64_t task, int32_t worker) {
    const distill_job *job = arg;
    job->rows.kernels->distill(job->rows.args, nn_first(&job->rows, task), nn_last(&job->rows, task),
                               job->scratch + worker * job->scratch_each);
}

static setun_status distill(setun_context *context, const setun_distill_args *args) {
    setun_status status = check(context, args);
    if (status != SETUN_OK) {
        return status;
    }
    distill_job job = {.rows = nn_rows(context, args, args->n, 2 * args->vocab)};
    job.scratch_each = (2 * args->vocab + 15) / 16 * 16;
    SETUN_REQUIRE_SCRATCH(context, job.scratch, job.scratch_each * setun_workers(context));
    setun_parallel(context, nn_tasks(&job.rows), rows_task, &job);
    return SETUN_OK;
}

setun_status setun_distill(setun_context *context, const setun_distill_args *args) {
    SETUN_CALL(context, distill(context, args));
}
