/* Fake quantization, internal contract: what a tier computes of a chunk of a group. Formulas: setun/fakequant.h. */
#ifndef SETUN_SIMD_FAKEQUANT_H
#define SETUN_SIMD_FAKEQUANT_H

#include "setun/fakequant.h"
#include "simd/common/fixed_sums.h"

/* Sums of a chunk: of the forward pass as in `sums`, of the backward pass the scale's and the offset's. */
enum { FORWARD_SUMS = 4, BACKWARD_SUMS = 2, MOST_SMOOTH_LEVELS = 16 };

/* Values [first, first + count) of a group, count <= SUM_CHUNK, first a multiple of it; sums may be NULL. */
typedef struct setun_fakequant_kernels {
    void (*forward)(const setun_fakequant_args *args, int64_t group, int64_t first, int64_t count, double *sums);
    void (*backward)(const setun_fakequant_args *args, int64_t group, int64_t first, int64_t count, double *sums);
} setun_fakequant_kernels;

const setun_fakequant_kernels *setun_fakequant_select(setun_isa isa);

/* A hash of 32 bits in which every bit of x reaches every bit of the result (two rounds of xor-shift and multiply). */
static inline uint32_t fakequant_hash(uint32_t x) {
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

/* The streams of random numbers of a group. */
enum { STREAM_FRACTION = 1, STREAM_NOISE = 2, STREAM_GUMBEL = 16 };

static inline uint32_t fakequant_key(uint64_t seed, int64_t group, uint32_t stream) {
    uint32_t key = fakequant_hash((uint32_t)seed ^ 0x9e3779b9u);
    key = fakequant_hash(key ^ (uint32_t)(seed >> 32));
    key = fakequant_hash(key ^ (uint32_t)group);
    key = fakequant_hash(key ^ (uint32_t)((uint64_t)group >> 32));
    return fakequant_hash(key ^ stream);
}

/* In (0, 1), of 23 bits: (h + 1/2) 2^-23 is exact. */
static inline float fakequant_uniform(uint32_t hash) { return ((float)(hash >> 9) + 0.5f) * 0x1p-23f; }

#endif
