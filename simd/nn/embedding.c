/* Embedding lookup and its gradient. */
#include "simd/nn/ranges.h"

/* Columns of dtable that one task owns: tasks share no value, so the order of additions is the order of i. */
enum { COLUMNS = 64 };

typedef struct embedding_job {
    const int32_t *ids;
    int64_t n, d, step;
    const float *from;
    float *to;
} embedding_job;

static setun_status check(setun_context *context, const embedding_job *job, int64_t vocab) {
    int64_t rows, table;
    SETUN_REQUIRE(context, job->n >= 0, "n = %lld must be >= 0", (long long)job->n);
    SETUN_REQUIRE(context, job->d >= 0, "d = %lld must be >= 0", (long long)job->d);
    SETUN_REQUIRE_AT_LEAST(context, vocab, 0);
    SETUN_REQUIRE(context, setun_mul_i64(job->n, job->d, &rows) && rows <= SETUN_MAX_VALUES, "n * d = %lld * %lld is too large",
                  (long long)job->n, (long long)job->d);
    SETUN_REQUIRE(context, setun_mul_i64(vocab, job->d, &table) && table <= SETUN_MAX_VALUES,
                  "vocab * d = %lld * %lld is too large", (long long)vocab, (long long)job->d);
    SETUN_REQUIRE(context, job->ids != NULL || job->n == 0, "ids is NULL: must point to %lld values", (long long)job->n);
    for (int64_t i = 0; i < job->n; i++) {
        SETUN_REQUIRE(context, job->ids[i] >= 0 && job->ids[i] < vocab, "ids[%lld] = %d must be in [0, %lld)", (long long)i,
                      job->ids[i], (long long)vocab);
    }
    return SETUN_OK;
}

static void copy_rows(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const embedding_job *job = arg;
    int64_t last = setun_min_i64(job->n, (task + 1) * job->step);
    for (int64_t i = task * job->step; i < last; i++) {
        memcpy(job->to + i * job->d, job->from + job->ids[i] * job->d, (size_t)job->d * sizeof(float));
    }
}

static void add_columns(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const embedding_job *job = arg;
    int64_t first = task * COLUMNS, columns = setun_min_i64(COLUMNS, job->d - first);
    for (int64_t i = 0; i < job->n; i++) {
        const float *from = job->from + i * job->d + first;
        float *to = job->to + job->ids[i] * job->d + first;
        for (int64_t j = 0; j < columns; j++) {
            to[j] += from[j];
        }
    }
}

static setun_status forward(setun_context *context, embedding_job job, int64_t vocab) {
    setun_status status = check(context, &job, vocab);
    if (status != SETUN_OK || job.n == 0 || job.d == 0) {
        return status;
    }
    SETUN_REQUIRE(context, job.from != NULL, "table is NULL: must point to %lld values", (long long)(vocab * job.d));
    SETUN_REQUIRE(context, job.to != NULL, "y is NULL: must point to %lld values", (long long)(job.n * job.d));
    job.step = setun_max_i64(1, NN_TASK_VALUES / job.d);
    setun_parallel(context, setun_ceil_div(job.n, job.step), copy_rows, &job);
    return SETUN_OK;
}

static setun_status backward(setun_context *context, embedding_job job, int64_t vocab) {
    setun_status status = check(context, &job, vocab);
    if (status != SETUN_OK || job.n == 0 || job.d == 0) {
        return status;
    }
    SETUN_REQUIRE(context, job.from != NULL, "dy is NULL: must point to %lld values", (long long)(job.n * job.d));
    SETUN_REQUIRE(context, job.to != NULL, "dtable is NULL: must point to %lld values", (long long)(vocab * job.d));
    setun_parallel(context, setun_ceil_div(job.d, COLUMNS), add_columns, &job);
    return SETUN_OK;
}

setun_status setun_embedding_forward(setun_context *context, const int32_t *ids, int64_t n, const float *table, int64_t vocab,
                                     int64_t d, float *y) {
    SETUN_CALL(context, forward(context, (embedding_job){ids, n, d, 0, table, y}, vocab));
}

setun_status setun_embedding_backward(setun_context *context, const int32_t *ids, int64_t n, const float *dy, int64_t vocab,
                                      int64_t d, float *dtable) {
    SETUN_CALL(context, backward(context, (embedding_job){ids, n, d, 0, dy, dtable}, vocab));
}
