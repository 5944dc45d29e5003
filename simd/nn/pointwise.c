/* Functions that treat each value alone, and biases: checks and splitting. */
#include "simd/nn/ranges.h"

typedef struct vector_args {
    float a, b;
    const float *x, *dy;
    float *y;
    int64_t row; /* values of a row; 1: no rows */
} vector_args;

static void relu_forward_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const nn_job *job = arg;
    const vector_args *args = job->args;
    int64_t first = nn_first(job, task);
    job->kernels->relu_forward(args->x + first, nn_last(job, task) - first, args->y + first);
}

static void relu_backward_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const nn_job *job = arg;
    const vector_args *args = job->args;
    int64_t first = nn_first(job, task);
    job->kernels->relu_backward(args->x + first, args->dy + first, nn_last(job, task) - first, args->y + first);
}

static void axpby_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const nn_job *job = arg;
    const vector_args *args = job->args;
    int64_t first = nn_first(job, task);
    job->kernels->axpby(args->a, args->x + first, args->b, args->y + first, nn_last(job, task) - first);
}

static void fill_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const nn_job *job = arg;
    const vector_args *args = job->args;
    for (int64_t i = nn_first(job, task), last = nn_last(job, task); i < last; i++) {
        args->y[i] = args->a;
    }
}

static void bias_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const nn_job *job = arg;
    const vector_args *args = job->args;
    for (int64_t i = nn_first(job, task), last = nn_last(job, task); i < last; i++) {
        job->kernels->add_rows(args->x, args->row, 1, args->row, args->y + i * args->row);
    }
}

static void column_sums_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const nn_job *job = arg;
    const vector_args *args = job->args;
    int64_t first = nn_first(job, task);
    float *sums = args->y + task * args->row;
    memset(sums, 0, (size_t)args->row * sizeof(float));
    job->kernels->add_rows(args->x + first * args->row, args->row, nn_last(job, task) - first, args->row, sums);
}

static void combine_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const nn_job *job = arg; /* over columns */
    const vector_args *args = job->args;
    int64_t first = nn_first(job, task);
    job->kernels->add_rows(args->x + first, job->count, args->row, nn_last(job, task) - first, args->y + first);
}

void nn_combine(setun_context *context, const float *partial, int64_t ranges, int64_t d, float *to) {
    vector_args args = {.x = partial, .y = to, .row = ranges};
    nn_job job = {&args, nn_kernels(context), d, 256};
    setun_parallel(context, nn_tasks(&job), combine_task, &job);
}

static setun_status check_count(setun_context *context, int64_t count) {
    int64_t values;
    SETUN_REQUIRE_AT_LEAST(context, count, 0);
    SETUN_REQUIRE_SHAPE(context, count, 1, &values);
    return SETUN_OK;
}

static setun_status run(setun_context *context, int64_t count, const vector_args *args, setun_task task) {
    nn_job job = nn_rows(context, args, count, args->row);
    setun_parallel(context, nn_tasks(&job), task, &job);
    return SETUN_OK;
}

static setun_status relu(setun_context *context, const float *x, int64_t count, float *y) {
    setun_status status = check_count(context, count);
    if (status != SETUN_OK) {
        return status;
    }
    SETUN_REQUIRE_DATA(context, x, count);
    SETUN_REQUIRE_DATA(context, y, count);
    return run(context, count, &(vector_args){.x = x, .y = y, .row = 1}, relu_forward_task);
}

setun_status setun_relu_forward(setun_context *context, const float *x, int64_t count, float *y) {
    SETUN_CALL(context, relu(context, x, count, y));
}

static setun_status relu_gradient(setun_context *context, const float *x, const float *dy, int64_t count, float *dx) {
    setun_status status = check_count(context, count);
    if (status != SETUN_OK) {
        return status;
    }
    SETUN_REQUIRE_DATA(context, x, count);
    SETUN_REQUIRE_DATA(context, dy, count);
    SETUN_REQUIRE_DATA(context, dx, count);
    return run(context, count, &(vector_args){.x = x, .dy = dy, .y = dx, .row = 1}, relu_backward_task);
}

setun_status setun_relu_backward(setun_context *context, const float *x, const float *dy, int64_t count, float *dx) {
    SETUN_CALL(context, relu_gradient(context, x, dy, count, dx));
}

static setun_status axpby(setun_context *context, float a, const float *x, float b, float *y, int64_t count) {
    setun_status status = check_count(context, count);
    if (status != SETUN_OK) {
        return status;
    }
    SETUN_REQUIRE_DATA(context, x, count);
    SETUN_REQUIRE_DATA(context, y, count);
    return run(context, count, &(vector_args){.a = a, .b = b, .x = x, .y = y, .row = 1}, axpby_task);
}

setun_status setun_axpby(setun_context *context, float a, const float *x, float b, float *y, int64_t count) {
    SETUN_CALL(context, axpby(context, a, x, b, y, count));
}

static setun_status fill(setun_context *context, float *x, int64_t count, float value) {
    setun_status status = check_count(context, count);
    if (status != SETUN_OK) {
        return status;
    }
    SETUN_REQUIRE_DATA(context, x, count);
    return run(context, count, &(vector_args){.a = value, .y = x, .row = 1}, fill_task);
}

setun_status setun_fill(setun_context *context, float *x, int64_t count, float value) {
    SETUN_CALL(context, fill(context, x, count, value));
}

static setun_status check_bias(setun_context *context, int64_t n, int64_t d, const float *bias, const float *rows) {
    int64_t values;
    SETUN_REQUIRE_AT_LEAST(context, n, 0);
    SETUN_REQUIRE_AT_LEAST(context, d, 0);
    SETUN_REQUIRE_SHAPE(context, n, d, &values);
    SETUN_REQUIRE_DATA(context, bias, values);
    SETUN_REQUIRE_DATA(context, rows, values);
    return SETUN_OK;
}

static setun_status bias_forward(setun_context *context, const float *bias, int64_t n, int64_t d, float *y) {
    setun_status status = check_bias(context, n, d, bias, y);
    return status != SETUN_OK ? status : run(context, n, &(vector_args){.x = bias, .y = y, .row = d}, bias_task);
}

setun_status setun_bias_forward(setun_context *context, const float *bias, int64_t n, int64_t d, float *y) {
    SETUN_CALL(context, bias_forward(context, bias, n, d, y));
}

static setun_status bias_backward(setun_context *context, const float *dy, int64_t n, int64_t d, float *dbias) {
    setun_status status = check_bias(context, n, d, dbias, dy);
    if (status != SETUN_OK || n == 0 || d == 0) {
        return status;
    }
    vector_args args = {.x = dy, .row = d};
    nn_job job = {&args, nn_kernels(context), n, nn_sum_rows(n)};
    SETUN_REQUIRE_SCRATCH(context, args.y, nn_tasks(&job) * d);
    setun_parallel(context, nn_tasks(&job), column_sums_task, &job);
    nn_combine(context, args.y, nn_tasks(&job), d, dbias);
    return SETUN_OK;
}

setun_status setun_bias_backward(setun_context *context, const float *dy, int64_t n, int64_t d, float *dbias) {
    SETUN_CALL(context, bias_backward(context, dy, n, d, dbias));
}
