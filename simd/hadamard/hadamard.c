/* The functions of setun/hadamard.h: checks and work splitting. */
#include "simd/hadamard/hadamard.h"

#include <math.h>

#include "simd/common/check.h"
#include "simd/ternary/ternary.h"

/* Values of a task: a few microseconds of work. A function of the shape alone, so results never depend on the thread count. */
enum { TASK_VALUES = 1 << 14 };

typedef struct hadamard_call {
    const hadamard_job *job;
    const setun_hadamard_kernels *kernels;
    int64_t step; /* rows of a task */
    float *scratch;
    int64_t width; /* scratch of a worker */
} hadamard_call;

static void task(void *arg, int64_t task, int32_t worker) {
    const hadamard_call *call = arg;
    call->kernels->rows(call->job, task * call->step, setun_min_i64(call->job->rows, (task + 1) * call->step),
                        call->scratch + worker * call->width);
}

/* What both functions do once their arguments are checked. */
static setun_status run(setun_context *context, hadamard_job *job) {
    hadamard_factors_of(job->n, &job->factors);
    for (int32_t i = 0; i < job->factors.paley; i++) {
        job->signs_of[i] = hadamard_paley_signs(job->factors.order[i]);
        if (job->signs_of[i] == NULL) {
            return setun_fail(context, SETUN_OUT_OF_MEMORY, "no memory for the signs of order %d", job->factors.order[i]);
        }
    }
    job->scale = (float)(1 / sqrt((double)job->factors.block));
    hadamard_call call = {.job = job, .kernels = setun_hadamard_select(setun_context_isa(context))};
    if (job->rows <= TASK_VALUES && job->rows * job->n <= TASK_VALUES) { /* spares a short call its divisions */
        call.step = job->rows;
    } else {
        call.step = setun_max_i64(1, TASK_VALUES / job->n);
    }
    if (job->y == NULL || job->type == SETUN_BF16) {
        call.width = setun_round_up(job->n, 16);
        SETUN_REQUIRE_SCRATCH(context, call.scratch, setun_workers(context) * call.width);
    }
    setun_parallel(context, call.step == job->rows ? 1 : setun_ceil_div(job->rows, call.step), task, &call);
    return SETUN_OK;
}

#define REQUIRE_N(context, n)                                                                                                     \
    SETUN_REQUIRE(context, (n) >= 1 && (n) <= SETUN_HADAMARD_MAX_N, "n = %lld must be in 1 .. %d", (long long)(n), SETUN_HADAMARD_MAX_N)

/* rows * ld must be addressable, and rows must not overlap. */
#define REQUIRE_ROWS(context, rows, n, ld, values)                                                                                \
    do {                                                                                                                          \
        SETUN_REQUIRE_AT_LEAST(context, ld, n);                                                                                   \
        SETUN_REQUIRE_SHAPE(context, rows, ld, values);                                                                           \
    } while (0)

static setun_status transform(setun_context *context, const setun_hadamard_args *args) {
    int64_t values;
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE_AT_LEAST(context, args->rows, 0);
    REQUIRE_N(context, args->n);
    SETUN_REQUIRE(context, args->type == SETUN_F32 || args->type == SETUN_BF16, "type = %d must be %d (fp32) or %d (bf16)", args->type,
                  SETUN_F32, SETUN_BF16);
    SETUN_REQUIRE(context, args->inverse == 0 || args->inverse == 1, "inverse = %d must be 0 or 1", args->inverse);
    REQUIRE_ROWS(context, args->rows, args->n, args->ldx, &values);
    SETUN_REQUIRE_DATA(context, args->x, values);
    REQUIRE_ROWS(context, args->rows, args->n, args->ldy, &values);
    SETUN_REQUIRE_DATA(context, args->y, values);
    SETUN_REQUIRE(context, args->x != args->y || args->ldx == args->ldy, "ldy = %lld must be ldx = %lld where y is x",
                  (long long)args->ldy, (long long)args->ldx);
    hadamard_job job; /* member by member: clearing the others first would cost a short call as much as 100 values */
    job.rows = args->rows;
    job.n = args->n;
    job.ldx = args->ldx;
    job.ldy = args->ldy;
    job.type = args->type;
    job.inverse = args->inverse == 1;
    job.x = args->x;
    job.signs = args->signs;
    job.y = args->y;
    job.q = NULL;
    return args->rows == 0 ? SETUN_OK : run(context, &job);
}

static setun_status quantize(setun_context *context, const setun_hadamard_quantize_args *args) {
    int64_t values;
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE_AT_LEAST(context, args->rows, 0);
    REQUIRE_N(context, args->n);
    SETUN_REQUIRE(context, args->n <= TERNARY_MAX_K, "n = %lld must be <= %d", (long long)args->n, TERNARY_MAX_K);
    REQUIRE_ROWS(context, args->rows, args->n, args->ldx, &values);
    SETUN_REQUIRE_DATA(context, args->x, values);
    SETUN_REQUIRE(context, args->y == NULL || args->x != args->y || args->ldx == args->n, "ldx = %lld must be n = %lld where y is x",
                  (long long)args->ldx, (long long)args->n);
    int64_t padded = ternary_padded(args->n);
    SETUN_REQUIRE(context, args->ldq >= padded, "ldq = %lld must be >= %lld", (long long)args->ldq, (long long)padded);
    SETUN_REQUIRE_SHAPE(context, args->rows, args->ldq, &values);
    SETUN_REQUIRE_DATA(context, args->q, values);
    SETUN_REQUIRE_DATA(context, args->step, args->rows);
    SETUN_REQUIRE_DATA(context, args->sum, args->rows);
    hadamard_job job = {.rows = args->rows, .n = args->n, .ldx = args->ldx, .ldy = args->n, .type = SETUN_F32, .x = args->x,
                        .signs = args->signs, .y = args->y, .q = args->q, .ldq = args->ldq, .step = args->step, .sum = args->sum};
    return args->rows == 0 ? SETUN_OK : run(context, &job);
}

static setun_status make_random(setun_context *context, int32_t generator, int64_t seed, int64_t n, uint8_t *signs) {
    SETUN_REQUIRE(context, generator == SETUN_SIGNS_SPLITMIX64, "generator = %d must be %d (SplitMix64)", generator,
                  SETUN_SIGNS_SPLITMIX64);
    SETUN_REQUIRE_AT_LEAST(context, n, 0);
    SETUN_REQUIRE_DATA(context, signs, n);
    uint64_t state = (uint64_t)seed;
    for (int64_t i = 0; i < n; i += 64) {
        state += UINT64_C(0x9E3779B97F4A7C15);
        uint64_t word = state;
        word = (word ^ word >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
        word = (word ^ word >> 27) * UINT64_C(0x94D049BB133111EB);
        word ^= word >> 31;
        if (n - i < 64) {
            word &= (UINT64_C(1) << (n - i)) - 1;
        }
        for (int64_t byte = 0; byte < 8 && i + 8 * byte < n; byte++) {
            signs[i / 8 + byte] = (uint8_t)(word >> 8 * byte);
        }
    }
    return SETUN_OK;
}

setun_status setun_hadamard(setun_context *context, const setun_hadamard_args *args) { SETUN_CALL(context, transform(context, args)); }

setun_status setun_hadamard_quantize(setun_context *context, const setun_hadamard_quantize_args *args) {
    SETUN_CALL(context, quantize(context, args));
}

setun_status setun_hadamard_signs(setun_context *context, int32_t generator, int64_t seed, int64_t n, uint8_t *signs) {
    SETUN_CALL(context, make_random(context, generator, seed, n, signs));
}
