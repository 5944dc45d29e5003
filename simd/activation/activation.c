/* The functions of setun/activation.h: checks and work splitting. */
#include "simd/activation/activation.h"

#include "setun/nn.h"
#include "simd/common/check.h"
#include "simd/ternary/ternary.h"

/* Values of a task: a few microseconds of work. A function of the shape alone, so results never depend on the thread count. */
enum { TASK_VALUES = 1 << 14 };

typedef struct activation_job {
    const setun_activation_kernels *kernels;
    const void *args;
    int64_t rows, step; /* of all, of a task */
    float *scratch;
    int64_t width; /* scratch of a worker */
} activation_job;

/* The rows' extents and int8 outputs, which both functions share. */
#define REQUIRE_ROWS(context, args, least, values)                                                                                \
    do {                                                                                                                          \
        SETUN_REQUIRE_ARGS(context, args);                                                                                        \
        SETUN_REQUIRE_AT_LEAST(context, (args)->n, 0);                                                                            \
        SETUN_REQUIRE_AT_LEAST(context, (args)->d, least);                                                                        \
        SETUN_REQUIRE(context, (args)->d <= TERNARY_MAX_K, "d = %lld must be <= %d", (long long)(args)->d, TERNARY_MAX_K);        \
        SETUN_REQUIRE(context, (args)->n == 0 || (args)->ldq >= ternary_padded((args)->d), "ldq = %lld must be >= %lld",          \
                      (long long)(args)->ldq, (long long)ternary_padded((args)->d));                                              \
        int64_t ldq = (args)->n == 0 ? 0 : (args)->ldq;                                                                           \
        SETUN_REQUIRE_SHAPE(context, (args)->n, ldq, values);                                                                     \
        SETUN_REQUIRE_SHAPE(context, (args)->n, (args)->d, values);                                                               \
        SETUN_REQUIRE(context, (args)->eps >= 0, "eps = %g must be >= 0", (double)(args)->eps);                                   \
        SETUN_REQUIRE_DATA(context, (args)->q, *(values));                                                                        \
        SETUN_REQUIRE_DATA(context, (args)->step, (args)->n);                                                                     \
        SETUN_REQUIRE_DATA(context, (args)->sum, (args)->n);                                                                      \
    } while (0)

static setun_status run(setun_context *context, const void *args, int64_t n, int64_t d, setun_task task) {
    activation_job job = {.kernels = setun_activation_select(setun_context_isa(context)), .args = args, .rows = n};
    job.step = setun_max_i64(1, TASK_VALUES / setun_max_i64(1, d));
    job.width = setun_round_up(setun_max_i64(1, d), 16);
    SETUN_REQUIRE_SCRATCH(context, job.scratch, setun_workers(context) * job.width);
    setun_parallel(context, setun_ceil_div(n, job.step), task, &job);
    return SETUN_OK;
}

static void rmsnorm_task(void *arg, int64_t task, int32_t worker) {
    const activation_job *job = arg;
    job->kernels->rmsnorm_quantize(job->args, task * job->step, setun_min_i64(job->rows, (task + 1) * job->step),
                                   job->scratch + worker * job->width);
}

static setun_status rmsnorm(setun_context *context, const setun_rmsnorm_quantize_args *args) {
    int64_t values;
    REQUIRE_ROWS(context, args, 1, &values);
    SETUN_REQUIRE_DATA(context, args->x, values);
    SETUN_REQUIRE_DATA(context, args->w, values);
    SETUN_REQUIRE(context, args->h == NULL || args->residual != NULL, "h is given but residual is NULL");
    return run(context, args, args->n, args->d, rmsnorm_task);
}

static void glu_task(void *arg, int64_t task, int32_t worker) {
    const activation_job *job = arg;
    job->kernels->glu_quantize(job->args, task * job->step, setun_min_i64(job->rows, (task + 1) * job->step),
                               job->scratch + worker * job->width);
}

static setun_status glu(setun_context *context, const setun_glu_quantize_args *args) {
    int64_t values;
    REQUIRE_ROWS(context, args, args->w == NULL ? 0 : 1, &values);
    SETUN_REQUIRE(context, args->kind == SETUN_GLU_SILU || args->kind == SETUN_GLU_RELU2,
                  "kind = %d must be 0 (silu) or 1 (squared relu)", args->kind);
    SETUN_REQUIRE_DATA(context, args->gate, values);
    SETUN_REQUIRE_DATA(context, args->up, values);
    return run(context, args, args->n, args->d, glu_task);
}

setun_status setun_rmsnorm_quantize(setun_context *context, const setun_rmsnorm_quantize_args *args) {
    SETUN_CALL(context, rmsnorm(context, args));
}

setun_status setun_glu_quantize(setun_context *context, const setun_glu_quantize_args *args) { SETUN_CALL(context, glu(context, args)); }
