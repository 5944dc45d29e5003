/* The functions of setun/fakequant.h: checks and work splitting. */
#include "simd/fakequant/fakequant.h"

#include <math.h>

#include "simd/common/check.h"

/* Values of a task. */
enum { TASK_VALUES = 1 << 14 };

typedef struct fakequant_job {
    const setun_fakequant_args *args;
    void (*kernel)(const setun_fakequant_args *args, int64_t group, int64_t first, int64_t count, double *sums);
    int64_t chunks, per_group, step; /* of all, of a group, of a task */
    double *sums;                    /* [chunks][width], or NULL */
    int64_t width;
} fakequant_job;

static void fakequant_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const fakequant_job *job = arg;
    int64_t last = setun_min_i64(job->chunks, (task + 1) * job->step);
    for (int64_t chunk = task * job->step; chunk < last; chunk++) {
        int64_t group = chunk / job->per_group, first = chunk % job->per_group * SUM_CHUNK;
        job->kernel(job->args, group, first, setun_min_i64(SUM_CHUNK, job->args->group - first),
                    job->sums == NULL ? NULL : job->sums + chunk * job->width);
    }
}

static setun_status run(setun_context *context, fakequant_job *job) {
    const setun_fakequant_args *args = job->args;
    if (args->group == 0) {
        return SETUN_OK;
    }
    job->per_group = setun_ceil_div(args->group, SUM_CHUNK);
    job->chunks = args->groups * job->per_group;
    job->step = setun_max_i64(1, TASK_VALUES / setun_min_i64(args->group, SUM_CHUNK));
    if (job->width > 0) {
        job->sums = setun_scratch(context, (size_t)setun_max_i64(1, job->chunks * job->width) * sizeof(double));
        if (job->sums == NULL) {
            return setun_fail(context, SETUN_OUT_OF_MEMORY, "no memory for the sums of %lld chunks", (long long)job->chunks);
        }
    }
    setun_parallel(context, setun_ceil_div(job->chunks, job->step), fakequant_task, job);
    return SETUN_OK;
}

/* Sum `kind` of a group over its chunks, in adjacent pairs. */
static double group_sum(const fakequant_job *job, int64_t group, int64_t kind) {
    fixed_tree tree;
    tree.chunks = tree.levels = 0;
    for (int64_t chunk = 0; chunk < job->per_group; chunk++) {
        fixed_tree_add(&tree, job->sums[(group * job->per_group + chunk) * job->width + kind]);
    }
    return fixed_tree_sum(&tree);
}

static double group_most(const fakequant_job *job, int64_t group, int64_t kind) {
    double most = 0;
    for (int64_t chunk = 0; chunk < job->per_group; chunk++) {
        double value = job->sums[(group * job->per_group + chunk) * job->width + kind];
        most = value > most || isnan(value) ? value : most;
        if (isnan(most)) {
            break;
        }
    }
    return most;
}

static int is_share(float value) { return value >= 0.0f && value <= 1.0f; }

static setun_status check(setun_context *context, const setun_fakequant_args *args, int64_t *values) {
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE_AT_LEAST(context, args->groups, 0);
    SETUN_REQUIRE_AT_LEAST(context, args->group, 0);
    SETUN_REQUIRE(context, args->group <= INT32_MAX, "group = %lld must be < 2^31", (long long)args->group);
    SETUN_REQUIRE_SHAPE(context, args->groups, args->group, values);
    SETUN_REQUIRE(context, args->estimator >= 0 && args->estimator <= SETUN_ESTIMATOR_GUMBEL, "estimator = %d is unknown", args->estimator);
    SETUN_REQUIRE(context, args->lowest >= -128 && args->highest <= 127 && args->lowest < args->highest,
                  "lowest = %d, highest = %d: must be -128 <= lowest < highest <= 127", args->lowest, args->highest);
    int smooth = args->estimator >= SETUN_ESTIMATOR_STAIRCASE;
    SETUN_REQUIRE(context, !smooth || args->highest - args->lowest < MOST_SMOOTH_LEVELS,
                  "lowest = %d, highest = %d: a smooth estimator takes at most %d levels", args->lowest, args->highest, MOST_SMOOTH_LEVELS);
    SETUN_REQUIRE(context, args->divisions > 0 && isfinite(args->divisions) && isfinite(args->shift),
                  "divisions = %g, shift = %g: must be finite, divisions > 0", (double)args->divisions, (double)args->shift);
    SETUN_REQUIRE(context, args->limit >= 0, "limit = %g must be >= 0", (double)args->limit);
    SETUN_REQUIRE(context, is_share(args->mix), "mix = %g must be in [0, 1]", (double)args->mix);
    SETUN_REQUIRE(context, is_share(args->fraction), "fraction = %g must be in [0, 1]", (double)args->fraction);
    SETUN_REQUIRE(context, args->fraction == 1.0f || (args->block > 0 && args->block % SUM_LANES == 0),
                  "block = %d must be a positive multiple of %d with a fraction below 1", args->block, SUM_LANES);
    SETUN_REQUIRE(context, args->noise >= 0 && isfinite(args->noise), "noise = %g must be >= 0 and finite", (double)args->noise);
    SETUN_REQUIRE(context, args->least > 0, "least = %g must be > 0", (double)args->least);
    float p0 = args->p0, p1 = args->p1;
    switch (args->estimator) {
    case SETUN_ESTIMATOR_CLIPPED_VALUE:
        SETUN_REQUIRE(context, args->limit > 0, "limit = %g must be > 0", (double)args->limit);
        break;
    case SETUN_ESTIMATOR_EWGS:
    case SETUN_ESTIMATOR_EWGS_ABSOLUTE:
        SETUN_REQUIRE(context, p0 >= 0 && isfinite(p0), "p0 = %g must be >= 0 and finite", (double)p0);
        break;
    case SETUN_ESTIMATOR_RESTE:
        SETUN_REQUIRE(context, p0 >= 1 && isfinite(p0) && p1 >= 0x1p-100f && args->limit >= p1,
                      "p0 = %g, p1 = %g, limit = %g: must be p0 >= 1 and 2^-100 <= p1 <= limit", (double)p0, (double)p1, (double)args->limit);
        break;
    case SETUN_ESTIMATOR_LEVEL_FACTORS:
        SETUN_REQUIRE_DATA(context, args->factors, *values);
        break;
    case SETUN_ESTIMATOR_STAIRCASE:
        SETUN_REQUIRE(context, p0 >= 0x1p-20f, "p0 = %g must be >= 2^-20", (double)p0);
        break;
    case SETUN_ESTIMATOR_DSQ:
        SETUN_REQUIRE(context, p0 >= 0x1p-20f && p0 <= 0.75f, "p0 = %g must be in [2^-20, 0.75]", (double)p0);
        break;
    case SETUN_ESTIMATOR_GUMBEL:
        SETUN_REQUIRE(context, p0 >= 0x1p-20f && p1 >= 0x1p-20f, "p0 = %g, p1 = %g must be >= 2^-20", (double)p0, (double)p1);
        break;
    default:
        break;
    }
    SETUN_REQUIRE_DATA(context, args->v, *values);
    SETUN_REQUIRE_DATA(context, args->scale, args->groups);
    return SETUN_OK;
}

static setun_status forward(setun_context *context, const setun_fakequant_args *args) {
    int64_t values;
    setun_status status = check(context, args, &values);
    if (status != SETUN_OK) {
        return status;
    }
    fakequant_job job = {.args = args,
                         .kernel = setun_fakequant_select(setun_context_isa(context))->forward,
                         .width = args->sums == NULL ? 0 : FORWARD_SUMS};
    status = run(context, &job);
    for (int64_t group = 0; status == SETUN_OK && args->sums != NULL && group < args->groups; group++) {
        for (int64_t kind = 0; kind < FORWARD_SUMS; kind++) {
            args->sums[group * FORWARD_SUMS + kind] = args->group == 0              ? 0
                                                      : kind == FORWARD_SUMS - 1 ? group_most(&job, group, kind)
                                                                                  : group_sum(&job, group, kind);
        }
    }
    return status;
}

static setun_status backward(setun_context *context, const setun_fakequant_args *args) {
    int64_t values;
    setun_status status = check(context, args, &values);
    if (status != SETUN_OK) {
        return status;
    }
    SETUN_REQUIRE_DATA(context, args->g, values);
    fakequant_job job = {.args = args,
                         .kernel = setun_fakequant_select(setun_context_isa(context))->backward,
                         .width = args->dscale == NULL && args->doffset == NULL ? 0 : BACKWARD_SUMS};
    status = run(context, &job);
    for (int64_t group = 0; status == SETUN_OK && args->group > 0 && group < args->groups; group++) {
        if (args->dscale != NULL) {
            args->dscale[group] += (float)(group_sum(&job, group, 0) * (double)args->scale_factor);
        }
        if (args->doffset != NULL) {
            args->doffset[group] += (float)(group_sum(&job, group, 1) * (double)args->scale_factor);
        }
    }
    return status;
}

setun_status setun_fakequant_forward(setun_context *context, const setun_fakequant_args *args) { SETUN_CALL(context, forward(context, args)); }

setun_status setun_fakequant_backward(setun_context *context, const setun_fakequant_args *args) {
    SETUN_CALL(context, backward(context, args));
}
