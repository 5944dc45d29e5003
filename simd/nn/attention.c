/* Attention: checks, the grid of tasks, and the shares of dq. */
#include "simd/nn/attention_bf16.h"
#include "simd/nn/ranges.h"

/* Backward tasks own whole key-value heads where there are enough of them; otherwise the keys of a head are cut into parts. */
enum { BACKWARD_TASKS = 16, MAX_PARTS = 4 };

typedef struct attention_job {
    const setun_attention_args *args;
    const setun_nn_kernels *kernels;
    const setun_attention_bf16_kernels *bf16;
    int64_t blocks;          /* forward: blocks of queries */
    int64_t parts, part_keys; /* backward: parts of the keys */
    int64_t scratch_each;
    float *scratch; /* per worker */
    float *delta;   /* [batch][heads][t] */
    float *shares;  /* dq of parts 1, 2, ...: each [batch][t][ldq] */
    int64_t share_values;
    float *packed; /* bf16: blocks of keys (forward) or queries (backward), [batch][heads][blocks] */
    int64_t packed_blocks, packed_values;
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
    SETUN_REQUIRE(context, args->precision == SETUN_PRECISION_F32 || args->precision == SETUN_PRECISION_BF16,
                  "precision = %d must be %d (fp32) or %d (bf16)", args->precision, SETUN_PRECISION_F32, SETUN_PRECISION_BF16);
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

/* 0, n-1, 1, n-2, ...: where work grows or falls along n items, neighbours in this order hold the same work together. Threads have
 * contiguous shares of the tasks, and tasks of one head lie together because they read the same keys. */
static int64_t folded(int64_t i, int64_t n) { return i % 2 == 0 ? i / 2 : n - 1 - i / 2; }

/* Late blocks of queries see more keys. */
static int64_t forward_block(const attention_job *job, int64_t task) { return job->blocks - 1 - folded(task % job->blocks, job->blocks); }

static void forward_task(void *arg, int64_t task, int32_t worker) {
    const attention_job *job = arg;
    const setun_attention_args *args = job->args;
    int64_t sequence = task / job->blocks, block = forward_block(job, task);
    job->kernels->attention_forward(args, sequence / args->heads, sequence % args->heads, block * FORWARD_QUERIES,
                                    job->scratch + worker * job->scratch_each);
}

static void pack_keys_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const attention_job *job = arg;
    const setun_attention_args *args = job->args;
    int64_t sequence = task / job->packed_blocks, block = task % job->packed_blocks;
    job->bf16->pack_keys(args, sequence / args->kv_heads, sequence % args->kv_heads, block * BF16_FORWARD_KEYS,
                         job->packed + task * job->packed_values);
}

static void forward_bf16_task(void *arg, int64_t task, int32_t worker) {
    const attention_job *job = arg;
    const setun_attention_args *args = job->args;
    int64_t sequence = task / job->blocks, block = forward_block(job, task);
    int64_t keys = sequence / (args->heads / args->kv_heads);
    job->bf16->forward(args, sequence / args->heads, sequence % args->heads, block * BF16_FORWARD_QUERIES,
                       job->packed + keys * job->packed_blocks * job->packed_values, job->scratch + worker * job->scratch_each);
}

static setun_status forward_bf16(setun_context *context, const setun_attention_args *args) {
    const setun_attention_bf16_kernels *kernels = setun_attention_bf16_select(setun_context_isa(context));
    int64_t width = attention_width(args->head_dim);
    attention_job job = {.args = args,
                         .bf16 = kernels,
                         .blocks = setun_ceil_div(args->t, BF16_FORWARD_QUERIES),
                         .packed_blocks = setun_ceil_div(args->s, BF16_FORWARD_KEYS),
                         .packed_values = bf16_key_block(width, kernels->value),
                         .scratch_each = bf16_forward_scratch(width, kernels->value)};
    int64_t own = job.scratch_each * setun_workers(context), packs = args->batch * args->kv_heads * job.packed_blocks, words;
    SETUN_REQUIRE_SHAPE(context, packs, job.packed_values, &words);
    SETUN_REQUIRE_SCRATCH(context, job.scratch, own + words);
    job.packed = job.scratch + own;
    setun_parallel(context, packs, pack_keys_task, &job);
    setun_parallel(context, args->batch * args->heads * job.blocks, forward_bf16_task, &job);
    return SETUN_OK;
}

static setun_status forward(setun_context *context, const setun_attention_args *args) {
    setun_status status = check(context, args);
    if (status != SETUN_OK) {
        return status;
    }
    if (args->precision == SETUN_PRECISION_BF16 && args->t >= FEW_QUERIES) {
        return forward_bf16(context, args);
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

static void pack_queries_task(void *arg, int64_t task, int32_t worker) {
    const attention_job *job = arg;
    const setun_attention_args *args = job->args;
    int64_t sequence = task / job->blocks, block = task % job->blocks;
    job->bf16->pack_queries(args, sequence / args->heads, sequence % args->heads, block * BF16_BACKWARD_QUERIES,
                            job->packed + task * job->packed_values, job->scratch + worker * job->scratch_each);
}

static void backward_task(void *arg, int64_t task, int32_t worker) {
    const attention_job *job = arg;
    const setun_attention_args *args = job->args;
    int64_t sequence = task / job->parts, number = folded(task % job->parts, job->parts); /* early keys are seen by more queries */
    attention_part part = {.batch = sequence / args->kv_heads,
                           .kv_head = sequence % args->kv_heads,
                           .first_key = number * job->part_keys,
                           .last_key = setun_min_i64(args->s, (number + 1) * job->part_keys),
                           .delta = job->delta,
                           .dq = number == 0 ? args->dq : job->shares + (number - 1) * job->share_values};
    float *scratch = job->scratch + worker * job->scratch_each;
    if (job->bf16 != NULL) {
        part.dq = job->shares + number * job->share_values;
        job->bf16->backward(args, &part, job->packed, scratch);
    } else {
        job->kernels->attention_backward(args, &part, scratch);
    }
}

static int64_t parts_of(const attention_job *job, int64_t first_query) {
    int64_t parts = 1;
    while (parts < job->parts && attention_first_query(job->args, parts * job->part_keys) <= first_query) {
        parts++;
    }
    return parts;
}

static void finish_queries_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const attention_job *job = arg;
    const setun_attention_args *args = job->args;
    int64_t sequence = task / job->blocks, first = task % job->blocks * BF16_BACKWARD_QUERIES;
    job->bf16->finish_queries(args, sequence / args->heads, sequence % args->heads, first,
                              job->shares + task * BF16_BACKWARD_QUERIES * attention_width(args->head_dim), job->share_values,
                              parts_of(job, first));
}

/* dq of a block of queries += the shares of parts 1, 2, ... that reach it. */
static void combine_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const attention_job *job = arg;
    const setun_attention_args *args = job->args;
    int64_t batch = task / job->blocks, first = task % job->blocks * BACKWARD_QUERIES;
    int64_t last = setun_min_i64(args->t, first + BACKWARD_QUERIES);
    for (int64_t part = 1; part < parts_of(job, first); part++) {
        for (int64_t i = first; i < last; i++) {
            int64_t at = (batch * args->t + i) * args->ldq;
            job->kernels->axpby(1.0f, job->shares + (part - 1) * job->share_values + at, 1.0f, args->dq + at,
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
    int64_t width = attention_width(args->head_dim), sequences = args->batch * args->heads, prepared, shares;
    if (args->precision == SETUN_PRECISION_BF16) {
        job.bf16 = setun_attention_bf16_select(setun_context_isa(context));
        job.packed_values = bf16_query_block(width, job.bf16->value);
        job.scratch_each = bf16_backward_scratch(width, job.bf16->value);
        SETUN_REQUIRE_SHAPE(context, sequences * job.blocks, job.packed_values, &prepared);
        job.share_values = sequences * job.blocks * BF16_BACKWARD_QUERIES * width;
        SETUN_REQUIRE_SHAPE(context, job.parts, job.share_values, &shares);
    } else {
        job.scratch_each = attention_backward_scratch(width);
        prepared = setun_round_up(sequences * args->t, 16);
        job.share_values = queries * args->ldq;
        SETUN_REQUIRE_SHAPE(context, job.parts - 1, job.share_values, &shares);
    }
    int64_t own = job.scratch_each * setun_workers(context);
    SETUN_REQUIRE_SCRATCH(context, job.scratch, own + prepared + shares);
    job.delta = job.scratch + own;
    job.packed = job.delta;
    job.shares = job.delta + prepared;
    if (job.bf16 != NULL) {
        setun_parallel(context, sequences * job.blocks, pack_queries_task, &job);
    } else {
        setun_parallel(context, sequences, delta_task, &job);
    }
    setun_parallel(context, args->batch * args->kv_heads * job.parts, backward_task, &job);
    if (job.bf16 != NULL) {
        setun_parallel(context, sequences * job.blocks, finish_queries_task, &job);
    } else if (job.parts > 1) {
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
