/* Rotary embedding: the table of angles and splitting. */
#include <math.h>

#include "simd/nn/ranges.h"

typedef struct rope_job {
    const setun_rope_args *args;
    const setun_nn_kernels *kernels;
    int64_t pairs, step;
    int64_t slots;    /* rows of the table: one per position, or one per row of x where positions are sparse */
    bool by_position;
    double *frequency; /* [pairs]: theta^(-2i / head_dim) */
    float *table;      /* [slots][2][pairs]: cosines, sines */
} rope_job;

static void fill_slots(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const rope_job *job = arg;
    int64_t last = setun_min_i64(job->slots, (task + 1) * job->step);
    for (int64_t slot = task * job->step; slot < last; slot++) {
        double position = job->by_position ? (double)slot : (double)job->args->positions[slot];
        float *cosine = job->table + slot * 2 * job->pairs, *sine = cosine + job->pairs;
        for (int64_t i = 0; i < job->pairs; i++) {
            double angle = position * job->frequency[i];
            cosine[i] = (float)cos(angle);
            sine[i] = (float)(job->args->inverse ? -sin(angle) : sin(angle));
        }
    }
}

static void rotate_rows(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const rope_job *job = arg;
    const setun_rope_args *args = job->args;
    int64_t last = setun_min_i64(args->n, (task + 1) * job->step);
    for (int64_t i = task * job->step; i < last; i++) {
        int64_t slot = job->by_position ? args->positions[i] : i;
        job->kernels->rope_row(args, args->x + i * args->ldx, job->table + slot * 2 * job->pairs);
    }
}

static setun_status check(setun_context *context, const setun_rope_args *args) {
    int64_t values, row;
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE_AT_LEAST(context, args->n, 0);
    SETUN_REQUIRE_AT_LEAST(context, args->heads, 0);
    SETUN_REQUIRE_AT_LEAST(context, args->head_dim, 0);
    SETUN_REQUIRE_SHAPE(context, args->heads, args->head_dim, &row);
    SETUN_REQUIRE_AT_LEAST(context, args->ldx, row);
    SETUN_REQUIRE_SHAPE(context, args->n, args->ldx, &values);
    SETUN_REQUIRE(context, args->theta > 0 && isfinite(args->theta), "theta = %g must be > 0 and finite", (double)args->theta);
    SETUN_REQUIRE(context, args->convention == SETUN_ROPE_INTERLEAVED || args->convention == SETUN_ROPE_HALVES,
                  "convention = %d must be 0 (interleaved) or 1 (halves)", args->convention);
    SETUN_REQUIRE(context, args->inverse == 0 || args->inverse == 1, "inverse = %d must be 0 or 1", args->inverse);
    SETUN_REQUIRE_DATA(context, args->x, values);
    SETUN_REQUIRE_DATA(context, args->positions, args->n);
    for (int64_t i = 0; i < args->n; i++) {
        SETUN_REQUIRE(context, args->positions[i] >= 0, "positions[%lld] = %d must be >= 0", (long long)i, args->positions[i]);
    }
    return SETUN_OK;
}

static setun_status rope(setun_context *context, const setun_rope_args *args) {
    setun_status status = check(context, args);
    if (status != SETUN_OK || args->n == 0 || args->heads == 0 || args->head_dim < 2) {
        return status;
    }
    rope_job job = {.args = args, .kernels = nn_kernels(context), .pairs = args->head_dim / 2};
    int64_t positions = 0;
    for (int64_t i = 0; i < args->n; i++) {
        positions = setun_max_i64(positions, (int64_t)args->positions[i] + 1);
    }
    job.by_position = positions <= args->n;
    job.slots = setun_min_i64(positions, args->n);
    int64_t values;
    SETUN_REQUIRE_SHAPE(context, job.slots + 1, 2 * job.pairs, &values);
    SETUN_REQUIRE_SCRATCH(context, job.table, values);
    memcpy(&job.frequency, &job.table, sizeof job.table); /* the first row of scratch holds [pairs] doubles */
    job.table += 2 * job.pairs;
    for (int64_t i = 0; i < job.pairs; i++) {
        job.frequency[i] = pow((double)args->theta, -2.0 * (double)i / (double)args->head_dim);
    }
    job.step = setun_max_i64(1, 512 / job.pairs);
    setun_parallel(context, setun_ceil_div(job.slots, job.step), fill_slots, &job);
    job.step = setun_max_i64(1, NN_TASK_VALUES / (args->heads * args->head_dim));
    setun_parallel(context, setun_ceil_div(args->n, job.step), rotate_rows, &job);
    return SETUN_OK;
}

setun_status setun_rope(setun_context *context, const setun_rope_args *args) { SETUN_CALL(context, rope(context, args)); }
