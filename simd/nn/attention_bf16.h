/* Attention in bf16, internal contract. Operands are rounded once, while they are packed for the products of simd/common/micro_bf16.h: the
 * left one as rows, the right one as panels. Scores, maxima, sums and results stay fp32. Scores are in units of ln 2 (q carries
 * scale / ln 2), so that e^x becomes 2^x. */
#ifndef SETUN_ATTENTION_BF16_H
#define SETUN_ATTENTION_BF16_H

#include "simd/nn/nn.h"

/* Blocks of queries and keys, multiples of every tier's register block. Forward packs the keys of all sequences first, as all queries of a
 * group of heads meet them; backward packs all queries first, and each task its own keys. */
enum { BF16_FORWARD_QUERIES = 128, BF16_FORWARD_KEYS = 128, BF16_BACKWARD_QUERIES = 64, BF16_BACKWARD_KEYS = 128 };

/* What follows counts fp32 values; `value` is the bytes of one packed element (2 or 4), width is attention_width(head_dim). */
static inline int64_t bf16_packed(int64_t elements, int64_t value) { return elements * value / 4; }

/* A packed block of keys: k as panels over head_dim, v as panels over the keys. */
static inline int64_t bf16_key_block(int64_t width, int64_t value) { return bf16_packed(2 * BF16_FORWARD_KEYS * width, value); }

/* A packed block of queries: q and dout as rows over head_dim, both as rows over the queries; fp32 lse / ln 2 and delta. */
static inline int64_t bf16_query_block(int64_t width, int64_t value) {
    return bf16_packed(4 * BF16_BACKWARD_QUERIES * width, value) + 2 * BF16_BACKWARD_QUERIES;
}

/* Scratch of a forward task: out, scores, four values per query; p and q packed; the factor of q. */
static inline int64_t bf16_forward_scratch(int64_t width, int64_t value) {
    return BF16_FORWARD_QUERIES * (width + BF16_FORWARD_KEYS + 4) + bf16_packed(BF16_FORWARD_QUERIES * (BF16_FORWARD_KEYS + width), value)
           + width;
}

/* Scratch of a backward task: dk and dv transposed, p, ds; packed: k and v as panels over head_dim, k as panels over the keys, p and ds as
 * panels over the queries, ds as rows. Of packing queries: the factor of q. */
static inline int64_t bf16_backward_scratch(int64_t width, int64_t value) {
    int64_t block = BF16_BACKWARD_QUERIES * BF16_BACKWARD_KEYS;
    return 2 * BF16_BACKWARD_KEYS * width + 2 * block + bf16_packed(3 * BF16_BACKWARD_KEYS * width + 3 * block, value);
}

typedef struct setun_attention_bf16_kernels {
    int64_t value; /* bytes of a packed element */
    /* Keys [first_key, first_key + BF16_FORWARD_KEYS) of one key-value head, into a key block. */
    void (*pack_keys)(const setun_attention_args *args, int64_t batch, int64_t kv_head, int64_t first_key, float *to);
    /* Queries [first_query, first_query + BF16_FORWARD_QUERIES) of one head. packed: the key blocks of its key-value head. */
    void (*forward)(const setun_attention_args *args, int64_t batch, int64_t head, int64_t first_query, const float *packed,
                    float *scratch);
    /* Queries [first_query, first_query + BF16_BACKWARD_QUERIES) of one head, into a query block. */
    void (*pack_queries)(const setun_attention_args *args, int64_t batch, int64_t head, int64_t first_query, float *to, float *scratch);
    /* packed: all query blocks, [batch][heads][blocks]. part->dq: the part's share of dq / scale, blocks [queries][width] in the same
     * order; those that its first key reaches are written. part->delta is not used. */
    void (*backward)(const setun_attention_args *args, const attention_part *part, const float *packed, float *scratch);
    /* dq of a block of queries, from its shares, `stride` values apart. */
    void (*finish_queries)(const setun_attention_args *args, int64_t batch, int64_t head, int64_t first_query, const float *shares,
                           int64_t stride, int64_t parts);
} setun_attention_bf16_kernels;

const setun_attention_bf16_kernels *setun_attention_bf16_select(setun_isa isa);

#endif
