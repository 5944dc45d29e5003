/* setun_adafactor: the order of its passes and what lies between them. */
#include <math.h>

#include "simd/common/check.h"
#include "simd/optim/optim.h"

/* Rows whose squares are added to one set of columns; columns of one task between the passes. */
enum { ROWS_TASK = 64, COLUMNS_TASK = 4096 };

typedef struct adafactor_job {
    const setun_adafactor_args *args;
    const setun_optim_kernels *kernels;
    int64_t chunks;
    double *of_rows, *of_columns; /* [rows], [chunks][columns] */
    float *row, *column;          /* the factors of a step */
    float factor, clip;
} adafactor_job;

static int64_t end_of_rows(const adafactor_job *job, int64_t task) {
    return setun_min_i64(job->args->rows, (task + 1) * ROWS_TASK);
}

static void squares_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const adafactor_job *job = arg;
    int64_t columns = job->args->columns;
    double *of_columns = job->of_columns + task * columns;
    memset(of_columns, 0, (size_t)columns * sizeof(double));
    for (int64_t i = task * ROWS_TASK; i < end_of_rows(job, task); i++) {
        job->of_rows[i] = job->kernels->adafactor_squares(job->args->g + i * columns, columns, of_columns);
    }
}

/* The new moment of a row or column whose `count` gradients have these squares. */
static float moment(const adafactor_job *job, float before, double squares, int64_t count) {
    const setun_adafactor_args *args = job->args;
    float mean = (float)(squares * ((double)job->factor * job->factor) / (double)count) + args->eps;
    return args->beta2 * before + (1 - args->beta2) * mean;
}

static void columns_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const adafactor_job *job = arg;
    const setun_adafactor_args *args = job->args;
    for (int64_t j = task * COLUMNS_TASK; j < setun_min_i64(args->columns, (task + 1) * COLUMNS_TASK); j++) {
        double squares = 0;
        for (int64_t chunk = 0; chunk < job->chunks; chunk++) {
            squares += job->of_columns[chunk * args->columns + j];
        }
        args->column[j] = moment(job, args->column[j], squares, args->rows);
        job->column[j] = (float)(1 / sqrt((double)args->column[j]));
    }
}

static void rows_between(const adafactor_job *job) {
    const setun_adafactor_args *args = job->args;
    double total = 0;
    for (int64_t i = 0; i < args->rows; i++) {
        args->row[i] = moment(job, args->row[i], job->of_rows[i], args->columns);
        total += args->row[i];
    }
    double mean = total / (double)args->rows;
    for (int64_t i = 0; i < args->rows; i++) {
        job->row[i] = (float)sqrt(mean / args->row[i]);
    }
}

static void norm_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const adafactor_job *job = arg;
    int64_t columns = job->args->columns;
    for (int64_t i = task * ROWS_TASK; i < end_of_rows(job, task); i++) {
        job->of_rows[i] = job->kernels->adafactor_norm(job->args->g + i * columns, columns, job->factor, job->row[i], job->column);
    }
}

/* The factor that brings the root mean square of the steps to `clip`, if it is above. */
static float clip_of(const adafactor_job *job) {
    const setun_adafactor_args *args = job->args;
    double total = 0;
    for (int64_t i = 0; i < args->rows; i++) {
        total += job->of_rows[i];
    }
    double rms = sqrt(total / ((double)args->rows * (double)args->columns));
    return rms > args->clip ? (float)(args->clip / rms) : 1.0f;
}

static void update_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const adafactor_job *job = arg;
    for (int64_t i = task * ROWS_TASK; i < end_of_rows(job, task); i++) {
        job->kernels->adafactor_update(job->args, i, job->factor, job->row[i], job->column, job->clip);
    }
}

static setun_status adafactor(setun_context *context, const setun_adafactor_args *args) {
    int64_t values;
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE_AT_LEAST(context, args->rows, 0);
    SETUN_REQUIRE_AT_LEAST(context, args->columns, 0);
    SETUN_REQUIRE_SHAPE(context, args->rows, args->columns, &values);
    SETUN_REQUIRE_DATA(context, args->w, values);
    SETUN_REQUIRE_DATA(context, args->g, values);
    SETUN_REQUIRE_DATA(context, args->row, args->rows);
    SETUN_REQUIRE_DATA(context, args->column, args->columns);
    SETUN_REQUIRE(context, args->eps > 0, "eps = %g must be > 0", (double)args->eps);
    SETUN_REQUIRE(context, args->clip > 0, "clip = %g must be > 0", (double)args->clip);
    adafactor_job job = {.args = args,
                         .kernels = setun_optim_select(setun_context_isa(context)),
                         .chunks = setun_ceil_div(args->rows, ROWS_TASK),
                         .factor = args->grad_factor == NULL ? 1.0f : *args->grad_factor};
    if (values == 0 || job.factor == 0.0f) {
        return SETUN_OK;
    }
    size_t doubles = (size_t)args->rows + (size_t)job.chunks * (size_t)args->columns;
    size_t floats = (size_t)args->rows + (size_t)args->columns;
    job.of_rows = setun_scratch(context, doubles * sizeof(double) + floats * sizeof(float));
    if (job.of_rows == NULL) {
        return setun_fail(context, SETUN_OUT_OF_MEMORY, "no memory for the sums of %lld rows and %lld columns", (long long)args->rows,
                          (long long)args->columns);
    }
    job.of_columns = job.of_rows + args->rows;
    job.row = (float *)(job.of_rows + doubles);
    job.column = job.row + args->rows;
    setun_parallel(context, job.chunks, squares_task, &job);
    rows_between(&job);
    setun_parallel(context, setun_ceil_div(args->columns, COLUMNS_TASK), columns_task, &job);
    setun_parallel(context, job.chunks, norm_task, &job);
    job.clip = clip_of(&job);
    setun_parallel(context, job.chunks, update_task, &job);
    return SETUN_OK;
}

setun_status setun_adafactor(setun_context *context, const setun_adafactor_args *args) { SETUN_CALL(context, adafactor(context, args)); }
