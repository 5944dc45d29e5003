/* How the network functions split work: ranges of rows or values whose sizes depend on the shape alone. */
#ifndef SETUN_NN_RANGES_H
#define SETUN_NN_RANGES_H

#include "simd/common/check.h"
#include "simd/nn/nn.h"

/* Values that one task treats: a few microseconds of work. */
enum { NN_TASK_VALUES = 1 << 14 };

/* One call's work: `count` rows or values in ranges of `step`. */
typedef struct nn_job {
    const void *args;
    const setun_nn_kernels *kernels;
    int64_t count, step;
} nn_job;

static inline const setun_nn_kernels *nn_kernels(const setun_context *context) {
    return setun_nn_select(setun_context_isa(context));
}

static inline nn_job nn_rows(const setun_context *context, const void *args, int64_t rows, int64_t row) {
    return (nn_job){args, nn_kernels(context), rows, setun_max_i64(1, NN_TASK_VALUES / setun_max_i64(1, row))};
}

static inline int64_t nn_tasks(const nn_job *job) { return setun_ceil_div(job->count, job->step); }

static inline int64_t nn_first(const nn_job *job, int64_t task) { return task * job->step; }

static inline int64_t nn_last(const nn_job *job, int64_t task) { return setun_min_i64(job->count, (task + 1) * job->step); }

/* Column sums of many rows: at most this many ranges of rows, whose sums are added in order afterwards. */
enum { NN_MAX_SUM_RANGES = 64, NN_MIN_SUM_ROWS = 8 };

static inline int64_t nn_sum_rows(int64_t rows) {
    return setun_max_i64(NN_MIN_SUM_ROWS, setun_ceil_div(rows, NN_MAX_SUM_RANGES));
}

/* to[d] += partial[0] + partial[1] + ...: `ranges` rows of d values, on all threads of the context. */
void nn_combine(setun_context *context, const float *partial, int64_t ranges, int64_t d, float *to);

#endif
