/* Sums in the fixed order of docs/numerics.md, so that every tier gives the same bits: chunks of 4096 values, 16 lanes in a chunk, lanes
 * folded by halves in fp64, chunks added in adjacent pairs. */
#ifndef SETUN_FIXED_SUMS_H
#define SETUN_FIXED_SUMS_H

#include "simd/common/vec.h"

/* Values of a chunk, and its lanes. */
enum { SUM_CHUNK = 4096, SUM_LANES = 16 };

typedef double vd __attribute__((vector_size(4 * VF_LANES)));
enum { VD_LANES = VF_LANES / 2, SUM_VECS = SUM_LANES / VF_LANES, SUM_WIDE_VECS = SUM_LANES / VD_LANES };

/* VD_LANES floats, widened. (__builtin_convertvector would do it by halves.) */
VF_INLINE vd vd_load(const float *x) {
#if defined(__AVX512F__)
    return _mm512_cvtps_pd(_mm256_loadu_ps(x));
#elif defined(__AVX2__)
    return _mm256_cvtps_pd(_mm_loadu_ps(x));
#else
    return (vd){x[0], x[1]};
#endif
}

VF_INLINE double fixed_fold(double lane[SUM_LANES]) {
    for (int half = SUM_LANES / 2; half > 0; half /= 2) {
        for (int j = 0; j < half; j++) {
            lane[j] += lane[j + half];
        }
    }
    return lane[0];
}

/* The last, short group of lanes: absent values add +0, which changes no lane (none is ever -0). */
VF_INLINE void fixed_pad(const float *x, int64_t count, float group[SUM_LANES]) {
    memset(group, 0, SUM_LANES * sizeof(float));
    memcpy(group, x, (size_t)count * sizeof(float));
}

VF_INLINE void fixed_add(const float *x, vf lane[SUM_VECS], const int magnitudes) {
#pragma GCC unroll 4
    for (int v = 0; v < SUM_VECS; v++) {
        vf value = vf_load(x + v * VF_LANES);
        lane[v] += magnitudes ? vf_abs(value) : value;
    }
}

/* The sum of the values of one chunk, or of their magnitudes; fp32 lanes. */
VF_INLINE double fixed_chunk_total(const float *x, int64_t count, const int magnitudes) {
    vf lane[SUM_VECS] = {0};
    float group[SUM_LANES];
    double wide[SUM_LANES];
    int64_t i = 0;
    for (; i + SUM_LANES <= count; i += SUM_LANES) {
        fixed_add(x + i, lane, magnitudes);
    }
    if (i < count) {
        fixed_pad(x + i, count - i, group);
        fixed_add(group, lane, magnitudes);
    }
    memcpy(group, lane, sizeof group);
    for (int j = 0; j < SUM_LANES; j++) {
        wide[j] = group[j];
    }
    return fixed_fold(wide);
}

static inline __attribute__((unused)) double fixed_chunk_sum(const float *x, int64_t count) {
    return fixed_chunk_total(x, count, 0);
}

static inline __attribute__((unused)) double fixed_chunk_sum_abs(const float *x, int64_t count) {
    return fixed_chunk_total(x, count, 1);
}

/* x^2 + sum, where x^2 is exact: fused or not, the bits are the same. */
VF_INLINE vd vd_square_add(vd x, vd sum) {
#if defined(__AVX512F__)
    return _mm512_fmadd_pd(x, x, sum);
#elif defined(__AVX2__)
    return _mm256_fmadd_pd(x, x, sum);
#else
    return x * x + sum;
#endif
}

VF_INLINE void fixed_add_squares(const float *x, vd lane[SUM_WIDE_VECS]) {
#pragma GCC unroll 8
    for (int v = 0; v < SUM_WIDE_VECS; v++) {
        vd wide = vd_load(x + v * VD_LANES);
        lane[v] = vd_square_add(wide, lane[v]);
    }
}

/* The sum of squares of one chunk; fp64 lanes, in which each square is exact. */
static inline __attribute__((unused)) double fixed_chunk_squares(const float *x, int64_t count) {
    vd lane[SUM_WIDE_VECS] = {0};
    float group[SUM_LANES];
    double wide[SUM_LANES];
    int64_t i = 0;
    for (; i + SUM_LANES <= count; i += SUM_LANES) {
        fixed_add_squares(x + i, lane);
    }
    if (i < count) {
        fixed_pad(x + i, count - i, group);
        fixed_add_squares(group, lane);
    }
    memcpy(wide, lane, sizeof wide);
    return fixed_fold(wide);
}

/* a * b + sum, where a * b of widened floats is exact: fused or not, the bits are the same. */
VF_INLINE vd vd_product_add(vd a, vd b, vd sum) {
#if defined(__AVX512F__)
    return _mm512_fmadd_pd(a, b, sum);
#elif defined(__AVX2__)
    return _mm256_fmadd_pd(a, b, sum);
#else
    return a * b + sum;
#endif
}

VF_INLINE void fixed_add_products(const float *a, const float *b, vd lane[SUM_WIDE_VECS]) {
#pragma GCC unroll 8
    for (int v = 0; v < SUM_WIDE_VECS; v++) {
        vd left = vd_load(a + v * VD_LANES);
        lane[v] = b == NULL ? left + lane[v] : vd_product_add(left, vd_load(b + v * VD_LANES), lane[v]);
    }
}

/* The lanes of a chunk whose values come piece by piece. */
typedef struct fixed_lanes {
    vd lane[SUM_WIDE_VECS];
} fixed_lanes;

VF_INLINE double fixed_lanes_sum(const fixed_lanes *lanes) {
    double wide[SUM_LANES];
    memcpy(wide, lanes, sizeof wide);
    return fixed_fold(wide);
}

/* Chunk sums, added in adjacent pairs as they come: partial[l] waits for its neighbour of as many chunks. */
typedef struct fixed_tree {
    double partial[64];
    int64_t chunks;
    int levels;
} fixed_tree;

VF_INLINE void fixed_tree_add(fixed_tree *tree, double sum) {
    for (int64_t waiting = tree->chunks++; waiting % 2 == 1; waiting /= 2) {
        sum = tree->partial[--tree->levels] + sum;
    }
    tree->partial[tree->levels++] = sum;
}

VF_INLINE double fixed_tree_sum(const fixed_tree *tree) {
    double sum = 0;
    for (int l = tree->levels - 1; l >= 0; l--) {
        sum = l == tree->levels - 1 ? tree->partial[l] : tree->partial[l] + sum;
    }
    return sum;
}

/* The sum of squares of any number of values. */
static inline __attribute__((unused)) double fixed_squares(const float *x, int64_t count) {
    fixed_tree tree;
    tree.chunks = tree.levels = 0;
    for (int64_t start = 0; start < count; start += SUM_CHUNK) {
        fixed_tree_add(&tree, fixed_chunk_squares(x + start, count - start < SUM_CHUNK ? count - start : SUM_CHUNK));
    }
    return fixed_tree_sum(&tree);
}

#endif
