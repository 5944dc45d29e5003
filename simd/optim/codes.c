/* setun_track_codes and setun_constrain_weights: plain C, exact on every tier. */
#include <math.h>

#include "simd/common/check.h"
#include "simd/optim/optim.h"

enum { CODES_TASK = 1 << 14, MOST_COUNTS = 3 };

typedef struct codes_job {
    const void *args;
    int64_t count;
    double *counts; /* [tasks][MOST_COUNTS] */
} codes_job;

static void track_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const codes_job *job = arg;
    const setun_track_codes_args *a = job->args;
    int64_t flips = 0, oscillations = 0, frozen = 0;
    for (int64_t i = task * CODES_TASK; i < setun_min_i64(job->count, (task + 1) * CODES_TASK); i++) {
        int code = a->codes[i], last = a->direction[i];
        int change = (code > a->previous[i]) - (code < a->previous[i]);
        int oscillates = change * last < 0;
        flips += change != 0;
        oscillations += oscillates;
        a->previous[i] = (int8_t)code;
        a->direction[i] = (int8_t)(change != 0 ? change : last);
        if (a->oscillation != NULL) {
            a->oscillation[i] = a->oscillation[i] + a->momentum * ((float)oscillates - a->oscillation[i]);
            a->average[i] = a->average[i] + a->momentum * ((float)code - a->average[i]);
        }
        if (a->frozen != NULL) {
            if (a->frozen[i] == SETUN_CODE_FREE && a->threshold > 0 && a->oscillation[i] > a->threshold) {
                float nearest = rintf(a->average[i]);
                a->frozen[i] = (int8_t)(nearest > -127 ? nearest : -127);
            }
            frozen += a->frozen[i] != SETUN_CODE_FREE;
        }
    }
    double *counts = job->counts + task * MOST_COUNTS;
    counts[0] = (double)flips;
    counts[1] = (double)oscillations;
    counts[2] = (double)frozen;
}

static void constrain_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const codes_job *job = arg;
    const setun_constrain_weights_args *a = job->args;
    float unit = 1 / a->divisions;
    int64_t cut = 0, bad = 0, end = setun_min_i64(job->count, (task + 1) * CODES_TASK);
    for (int64_t i = task * CODES_TASK; i < end;) {
        int64_t group = i / a->group, stop = setun_min_i64(end, (group + 1) * a->group);
        float scale = a->scales[group], most = a->limit > 0 && scale > 0 ? a->limit * scale : INFINITY;
        for (; i < stop; i++) {
            float w = a->w[i];
            bad += !isfinite(w);
            if (a->frozen != NULL && a->frozen[i] != SETUN_CODE_FREE) {
                w = ((float)a->frozen[i] + a->shift) * unit * scale;
            } else if (w > most || w < -most) {
                w = w > most ? most : -most;
                cut++;
            }
            a->w[i] = w;
        }
    }
    double *counts = job->counts + task * MOST_COUNTS;
    counts[0] = (double)cut;
    counts[1] = (double)bad;
    counts[2] = 0;
}

/* Runs the task over `count` weights and adds up the first `kinds` counts, which are whole numbers. */
static setun_status run(setun_context *context, setun_task task, const void *args, int64_t count, int kinds, double *counts) {
    int64_t tasks = setun_ceil_div(count, CODES_TASK);
    codes_job job = {args, count, setun_scratch(context, (size_t)setun_max_i64(1, tasks) * MOST_COUNTS * sizeof(double))};
    if (job.counts == NULL) {
        return setun_fail(context, SETUN_OUT_OF_MEMORY, "no memory for the counts of %lld tasks", (long long)tasks);
    }
    setun_parallel(context, tasks, task, &job);
    for (int kind = 0; kind < kinds; kind++) {
        counts[kind] = 0;
        for (int64_t i = 0; i < tasks; i++) {
            counts[kind] += job.counts[i * MOST_COUNTS + kind];
        }
    }
    return SETUN_OK;
}

static setun_status track_codes(setun_context *context, const setun_track_codes_args *args) {
    int64_t values;
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE_AT_LEAST(context, args->count, 0);
    SETUN_REQUIRE_SHAPE(context, args->count, 1, &values);
    SETUN_REQUIRE_DATA(context, args->codes, values);
    SETUN_REQUIRE_DATA(context, args->previous, values);
    SETUN_REQUIRE_DATA(context, args->direction, values);
    SETUN_REQUIRE_DATA(context, args->counts, 3);
    SETUN_REQUIRE(context, (args->oscillation == NULL) == (args->average == NULL), "oscillation and average go together");
    SETUN_REQUIRE(context, args->frozen == NULL || args->oscillation != NULL, "frozen needs oscillation and average");
    return run(context, track_task, args, values, 3, args->counts);
}

static setun_status constrain_weights(setun_context *context, const setun_constrain_weights_args *args) {
    int64_t values;
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE_AT_LEAST(context, args->groups, 0);
    SETUN_REQUIRE_AT_LEAST(context, args->group, 0);
    SETUN_REQUIRE_SHAPE(context, args->groups, args->group, &values);
    SETUN_REQUIRE_DATA(context, args->w, values);
    SETUN_REQUIRE_DATA(context, args->scales, values);
    SETUN_REQUIRE_DATA(context, args->counts, 2);
    SETUN_REQUIRE(context, args->limit >= 0, "limit = %g must be >= 0", (double)args->limit);
    SETUN_REQUIRE(context, args->divisions > 0, "divisions = %g must be > 0", (double)args->divisions);
    return run(context, constrain_task, args, values, 2, args->counts);
}

setun_status setun_track_codes(setun_context *context, const setun_track_codes_args *args) {
    SETUN_CALL(context, track_codes(context, args));
}

setun_status setun_constrain_weights(setun_context *context, const setun_constrain_weights_args *args) {
    SETUN_CALL(context, constrain_weights(context, args));
}
