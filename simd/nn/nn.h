/* Network kernels, internal contract: what a tier computes of each function of setun/nn.h. The public functions check arguments and
 * split work into ranges that depend on shapes alone; [first, last) below is such a range, of rows unless said otherwise. */
#ifndef SETUN_SIMD_NN_H
#define SETUN_SIMD_NN_H

#include "setun/nn.h"

/* Blocks of queries and keys that attention works on. The long side is the one that stays while the other is packed again and again. */
enum { FORWARD_QUERIES = 128, FORWARD_KEYS = 64, BACKWARD_QUERIES = 64, BACKWARD_KEYS = 128, ATTENTION_MAX_HEAD_DIM = 1 << 16 };

/* With fewer queries than this (decoding), keys and values are read once, in place, instead of being packed. */
enum { FEW_QUERIES = 4 };

/* fp32 values that a row of head_dim values takes in scratch: whole register blocks of every tier. */
static inline int64_t attention_width(int64_t head_dim) { return (head_dim + 31) / 32 * 32; }

/* Scratch of one forward task: q, out [128][width]; k transposed, v [64][width]; scores [128][64]; four values per query. */
static inline int64_t attention_forward_scratch(int64_t width) {
    return 2 * (FORWARD_QUERIES + FORWARD_KEYS) * width + FORWARD_QUERIES * (FORWARD_KEYS + 4);
}

/* Scratch of one backward task: k, k and v transposed, dk, dv [128][width]; q, dout, dq [64][width]; p, ds [64][128]. */
static inline int64_t attention_backward_scratch(int64_t width) {
    return (5 * BACKWARD_KEYS + 3 * BACKWARD_QUERIES) * width + 2 * BACKWARD_QUERIES * BACKWARD_KEYS;
}

/* The backward block of queries that holds the first one to see a key. */
static inline int64_t attention_first_query(const setun_attention_args *args, int64_t key) {
    int64_t query = key - (args->s - args->t);
    return query > 0 ? query / BACKWARD_QUERIES * BACKWARD_QUERIES : 0;
}

/* What one backward task treats: some keys of one key-value head. */
typedef struct attention_part {
    int64_t batch, kv_head;
    int64_t first_key, last_key;
    const float *delta; /* [batch][heads][t]: dout . out */
    float *dq;          /* like args->dq: the task's own share of dq */
} attention_part;

typedef struct setun_nn_kernels {
    void (*rmsnorm_forward)(const setun_rmsnorm_args *args, int64_t first, int64_t last);
    /* dw: [d], this range's share, added; or NULL */
    void (*rmsnorm_backward)(const setun_rmsnorm_args *args, int64_t first, int64_t last, float *dw);

    /* table: cos then sin, [pairs] each, of one row's position */
    void (*rope_row)(const setun_rope_args *args, float *row, const float *table);

    /* Queries [first_query, first_query + FORWARD_QUERIES) of one head. */
    void (*attention_forward)(const setun_attention_args *args, int64_t batch, int64_t head, int64_t first_query, float *scratch);
    /* delta[batch][head][i] = dout . out of query i */
    void (*attention_delta)(const setun_attention_args *args, int64_t batch, int64_t head, float *delta);
    void (*attention_backward)(const setun_attention_args *args, const attention_part *part, float *scratch);

    /* Ranges of values. */
    void (*glu_forward)(const setun_glu_args *args, int64_t first, int64_t last);
    void (*glu_backward)(const setun_glu_args *args, int64_t first, int64_t last);
    void (*relu_forward)(const float *x, int64_t count, float *y);
    void (*relu_backward)(const float *x, const float *dy, int64_t count, float *dx);
    void (*axpby)(float a, const float *x, float b, float *y, int64_t count);

    /* sums[d] += x[0], x[1], ... in order: `rows` rows of d values, ldx apart */
    void (*add_rows)(const float *x, int64_t ldx, int64_t rows, int64_t d, float *sums);

    void (*cross_entropy)(const setun_cross_entropy_args *args, int64_t first, int64_t last);
    /* scratch: two rows of logits */
    void (*distill)(const setun_distill_args *args, int64_t first, int64_t last, float *scratch);
} setun_nn_kernels;

const setun_nn_kernels *setun_nn_select(setun_isa isa);

#endif
