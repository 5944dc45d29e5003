/* Attention: checks, the grid of tasks, and the shares of dq. */
#include "simd/nn/ranges.h"

/* Backward tasks own whole key-value heads where there are enough of them; otherwise the keys of a head are cut into parts. */
enum { BACKWARD_TASKS = 16, MAX_PARTS = 4 };

typedef struct attention_job {
    const setun_attention_args *args;
    const setun_nn_kernels *kernels;
    int64_t blocks;          /* forward: blocks of queries */
    int64_t parts, part_keys; /* backward: parts of the keys */
    int64_t scratch_each;
    float *scratch; /* per worker */
    float *delta;   /* [batch][heads][t] */
    float *shares;  /* dq of parts 1, 2, ...: each [batch][t][ldq] */
} attention_job;

static setun_status check(setun_context *context, const setun_attention_args *args) {
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE_AT_LEAST(context, args->batch, 0);
    SETUN_REQUIRE_AT_LEAST(context, args->t, 0);
    SETUN_REQUIRE(context, args->s >= args->t, "s = %lld must be >= t = %lld", (long long)args->s, (long long)args->t);
    SETUN_REQUIRE_AT_LEAST(context, args->heads, 1);
    SETUN_REQUIRE_AT_LEAST(context, args->kv_heads, 1);
    SETUN_REQUIRE(context, args->heads % args->kv_heads == 0, "heads = %lld must be a multiple of kv_heads = %lld",
                  (long long)args->heads, (long long)args->kv_heads);
    SETUN_REQUIRE(context, args->head_dim >= 1 && args->head_dim <= ATTENTION_MAX_HEAD_DIM,
                  "head_dim = %lld must be in [1, %d]", (long long)args->head_dim, ATTENTION_MAX_HEAD_DIM);
    SETUN_REQUIRE_AT_LEAST(context, args->kv_batch_stride, 0);
    int64_t row, kv_row, queries, values, keys;
    SETUN_REQUIRE_SHAPE(context, args->heads, args->head_dim, &row);
    kv_row = args->kv_heads * args->head_dim;
    SETUN_REQUIRE_AT_LEAST(context, args->ldq, row);
    SETUN_REQUIRE_AT_LEAST(context, args->ldkv, kv_row);
    SETUN_REQUIRE_SHAPE(context, args->batch, args->t, &queries);
    SETUN_REQUIRE_SHAPE(context, queries, args->ldq, &values);
    SETUN_REQUIRE_SHAPE(context, args->s, args->ldkv, &keys);
    SETUN_REQUIRE_SHAPE(context, args->batch, setun_max_i64(keys, args->kv_batch_stride), &keys);
    SETUN_REQUIRE_DATA(context, args->q, values);
    SETUN_REQUIRE_DATA(context, args->k, keys);
    SETUN_REQUIRE_DATA(context, args->v, keys);
    SETUN_REQUIRE_DATA(context, args->out, values);
    return SETUN_OK;
}

/* Late blocks of queries see more keys: they go first, so that threads end together. */
static void forward_task(void *arg, int64_t task, int32_t worker) {
    const attention_job *job = arg;
    const setun_attention_args *args = job->args;
    int64_t sequences = args->batch * args->heads, block = job->blocks - 1 - task / sequences, sequence = task % sequences;
    job->kernels->attention_forward(args, sequence / args->heads, sequence % args->heads, block * FORWARD_QUERIES,
                                    job->scratch + worker * job->scratch_each);
}

static setun_status forward(setun_context *context, const setun_attention_args *args) {
    setun_status status = check(context, args);
    if (status != SETUN_OK) {
        return status;
    }
    attention_job job = {.args = args, .kernels = nn_kernels(context), .blocks = setun_ceil_div(args->t, FORWARD_QUERIES)};
    job.scratch_each = attention_forward_scratch(attention_width(args->head_dim));
    SETUN_REQUIRE_SCRATCH(context, job.scratch, job.scratch_each * setun_workers(context));
    setun_parallel(context, args->batch * args->heads * job.blocks, forward_task, &job);
    return SETUN_OK;
}

static void delta_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const attention_job *job = arg;
    job->kernels->attention_delta(job->args, task / job->args->heads, task % job->args->heads, job->delta);
}

static int64_t share_values(const setun_attention_args *args) { return args->batch * args->t * args->ldq; }

static void backward_task(void *arg, int64_t task, int32_t worker) {
    const attention_job *job = arg;
    const setun_attention_args *args = job->args;
    int64_t sequences = args->batch * args->kv_heads, number = task / sequences, sequence = task % sequences;
    attention_part part = {.batch = sequence / args->kv_heads,
                           .kv_head = sequence % args->kv_heads,
                           .first_key = number * job->part_keys,
                           .last_key = setun_min_i64(args->s, (number + 1) * job->part_keys),
                           .delta = job->delta,
                           .dq = number == 0 ? args->dq : job->shares + (number - 1) * share_values(args)};
    job->kernels->attention_backward(args, &part, job->scratch + worker * job->scratch_each);
}

/* dq of a block of queries += the shares of parts 1, 2, ... that reach it. */
static void combine_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const attention_job *job = arg;
    const setun_attention_args *args = job->args;
    int64_t batch = task / job->blocks, first = task % job->blocks * BACKWARD_QUERIES;
    int64_t last = setun_min_i64(args->t, first + BACKWARD_QUERIES);
    for (int64_t part = 1; part < job->parts && attention_first_query(args, part * job->part_keys) <= first; part++) {
        for (int64_t i = first; i < last; i++) {
            int64_t at = (batch * args->t + i) * args->ldq;
            job->kernels->axpby(1.0f, job->shares + (part - 1) * share_values(args) + at, 1.0f, args->dq + at,
                                args->heads * args->head_dim);
        }
    }
}

static void clear_key_gradients(const setun_attention_args *args) {
    int64_t stride = args->kv_batch_stride != 0 ? args->kv_batch_stride : args->s * args->ldkv;
    size_t row = (size_t)(args->kv_heads * args->head_dim) * sizeof(float);
    for (int64_t batch = 0; batch < args->batch; batch++) {
        for (int64_t j = 0; j < args->s; j++) {
            memset(args->dk + batch * stride + j * args->ldkv, 0, row);
            memset(args->dv + batch * stride + j * args->ldkv, 0, row);
        }
    }
}

static void choose_parts(attention_job *job) {
    const setun_attention_args *args = job->args;
    int64_t key_blocks = setun_ceil_div(args->s, BACKWARD_KEYS);
    int64_t parts = setun_min_i64(setun_ceil_div(BACKWARD_TASKS, args->batch * args->kv_heads), MAX_PARTS);
    job->part_keys = setun_ceil_div(key_blocks, setun_min_i64(parts, key_blocks)) * BACKWARD_KEYS;
    job->parts = setun_ceil_div(args->s, job->part_keys);
}

static setun_status backward(setun_context *context, const setun_attention_args *args) {
    setun_status status = check(context, args);
    if (status != SETUN_OK) {
        return status;
    }
    int64_t queries = args->batch * args->t, keys = args->batch * args->s;
    SETUN_REQUIRE_DATA(context, args->lse, queries);
    SETUN_REQUIRE_DATA(context, args->dout, queries);
    SETUN_REQUIRE_DATA(context, args->dq, queries);
    SETUN_REQUIRE_DATA(context, args->dk, keys);
    SETUN_REQUIRE_DATA(context, args->dv, keys);
    if (keys == 0) {
        return SETUN_OK;
    }
    if (args->t == 0) {
        clear_key_gradients(args);
        return SETUN_OK;
    }
    attention_job job = {.args = args, .kernels = nn_kernels(context), .blocks = setun_ceil_div(args->t, BACKWARD_QUERIES)};
    choose_parts(&job);
    job.scratch_each = attention_backward_scratch(attention_width(args->head_dim));
    int64_t own = job.scratch_each * setun_workers(context), delta = setun_round_up(queries * args->heads, 16), shares;
    SETUN_REQUIRE_SHAPE(context, job.parts - 1, share_values(args), &shares);
    SETUN_REQUIRE_SCRATCH(context, job.scratch, own + delta + shares);
    job.delta = job.scratch + own;
    job.shares = job.delta + delta;
    setun_parallel(context, args->batch * args->heads, delta_task, &job);
    setun_parallel(context, args->batch * args->kv_heads * job.parts, backward_task, &job);
    if (job.parts > 1) {
        setun_parallel(context, args->batch * job.blocks, combine_task, &job);
    }
    return SETUN_OK;
}

setun_status setun_attention_forward(setun_context *context, const setun_attention_args *args) {
    SETUN_CALL(context, forward(context, args));
}

setun_status setun_attention_backward(setun_context *context, const setun_attention_args *args) {
    SETUN_CALL(context, backward(context, args));
}
