/* A vector of fp32 lanes, as wide as the tier that the including file is compiled for: 16 lanes (AVX-512), 8 (AVX2 + FMA) or 4
 * (portable: GNU vectors, which compilers turn into SSE2 or NEON). Kernels are written once over it and included by one file per
 * tier. Arithmetic is the operators of the type; what operators cannot say is a function here. */
#ifndef SETUN_VEC_H
#define SETUN_VEC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define VF_LANES 16
#elif defined(__AVX2__)
#define VF_LANES 8
#else
#define VF_LANES 4
#endif

typedef float vf __attribute__((vector_size(4 * VF_LANES)));
typedef int32_t vi __attribute__((vector_size(4 * VF_LANES)));
typedef float vf4 __attribute__((vector_size(16)));
typedef int32_t vi4 __attribute__((vector_size(16)));

#define VF_INLINE static inline __attribute__((always_inline, unused))

VF_INLINE vf vf_load(const float *p) {
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

VF_INLINE void vf_store(float *p, vf v) { memcpy(p, &v, sizeof v); }

VF_INLINE vf4 vf4_load(const float *p) {
    vf4 v;
    memcpy(&v, p, sizeof v);
    return v;
}

VF_INLINE void vf4_store(float *p, vf4 v) { memcpy(p, &v, sizeof v); }

/* Bits of mask ? a : b, lane by lane; masks come from comparisons (all ones or all zeros). */
VF_INLINE vf vf_select(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }

VF_INLINE vf vf_abs(vf a) { return (vf)((vi)a & 0x7fffffff); }

/* Differing per tier: set1, fma (a*b + c; fused where the tier has it), max and min (the second operand if either is NaN), vi_max, sqrt,
 * round to the nearest integer, load and store of the first n lanes (0 < n < VF_LANES; memory beyond them is not touched, lanes
 * beyond them are 0). */
#if defined(__AVX512F__)

VF_INLINE vf vf_set1(float x) { return _mm512_set1_ps(x); }
VF_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
VF_INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
VF_INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
VF_INLINE vi vi_max(vi a, vi b) { return (vi)_mm512_max_epi32((__m512i)a, (__m512i)b); }
VF_INLINE vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
VF_INLINE vf vf_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
VF_INLINE vi vi_from_integral(vf a) { return (vi)_mm512_cvtps_epi32(a); }
VF_INLINE vf vf_load_n(const float *p, int64_t n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
VF_INLINE void vf_store_n(float *p, int64_t n, vf v) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v); }

#elif defined(__AVX2__)

VF_INLINE vf vf_set1(float x) { return _mm256_set1_ps(x); }
VF_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
VF_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
VF_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
VF_INLINE vi vi_max(vi a, vi b) { return (vi)_mm256_max_epi32((__m256i)a, (__m256i)b); }
VF_INLINE vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
VF_INLINE vf vf_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
VF_INLINE vi vi_from_integral(vf a) { return (vi)_mm256_cvtps_epi32(a); }

VF_INLINE __m256i vf_first_lanes(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
VF_INLINE vf vf_load_n(const float *p, int64_t n) { return _mm256_maskload_ps(p, vf_first_lanes(n)); }
VF_INLINE void vf_store_n(float *p, int64_t n, vf v) { _mm256_maskstore_ps(p, vf_first_lanes(n), v); }

#else

VF_INLINE vf vf_set1(float x) { return (vf){x, x, x, x}; }
VF_INLINE vf vf_max(vf a, vf b) { return vf_select(a > b, a, b); }
VF_INLINE vf vf_min(vf a, vf b) { return vf_select(a < b, a, b); }
VF_INLINE vi vi_max(vi a, vi b) {
    vi higher = a > b;
    return (higher & a) | (~higher & b);
}

#if defined(__ARM_NEON) && defined(__aarch64__)
VF_INLINE vf vf_fma(vf a, vf b, vf c) { return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
VF_INLINE vf vf_sqrt(vf a) { return (vf)vsqrtq_f32((float32x4_t)a); }
VF_INLINE vf vf_round(vf a) { return (vf)vrndnq_f32((float32x4_t)a); }
#else
VF_INLINE vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
VF_INLINE vf vf_sqrt(vf a) { return (vf){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])}; }
/* For |a| < 2^22, which is all that vf_exp asks for: adding 1.5 * 2^23 leaves no fraction bits. */
VF_INLINE vf vf_round(vf a) { return (a + 12582912.0f) - 12582912.0f; }
#endif

VF_INLINE vi vi_from_integral(vf a) { return __builtin_convertvector(a, vi); }

VF_INLINE vf vf_load_n(const float *p, int64_t n) {
    vf v = vf_set1(0);
    memcpy(&v, p, (size_t)n * sizeof(float));
    return v;
}
VF_INLINE void vf_store_n(float *p, int64_t n, vf v) { memcpy(p, &v, (size_t)n * sizeof(float)); }

#endif

/* Runs `body` for every vector of [0, count): i is its first index, n its lanes. */
#define VF_FOR(i, n, count)                                                                                                  \
    for (int64_t i = 0, n; i < (count) && (n = (count) - i < VF_LANES ? (count) - i : VF_LANES, 1); i += VF_LANES)

/* VF_FOR with the whole vectors in an unrolled loop of their own, for short bodies, which appear twice. */
#define VF_EACH(i, n, count, ...)                                                                                            \
    do {                                                                                                                     \
        int64_t i = 0;                                                                                                       \
        _Pragma("GCC unroll 4") for (; i + VF_LANES <= (count); i += VF_LANES) {                                             \
            enum { n = VF_LANES };                                                                                           \
            __VA_ARGS__                                                                                                      \
        }                                                                                                                    \
        if (i < (count)) {                                                                                                   \
            const int64_t n = (count) - i;                                                                                   \
            __VA_ARGS__                                                                                                      \
        }                                                                                                                    \
    } while (0)

/* Loads and stores of n lanes, whole vectors included. */
VF_INLINE vf vf_get(const float *p, int64_t n) { return n == VF_LANES ? vf_load(p) : vf_load_n(p, n); }
VF_INLINE void vf_put(float *p, int64_t n, vf v) {
    if (n == VF_LANES) {
        vf_store(p, v);
    } else {
        vf_store_n(p, n, v);
    }
}

VF_INLINE vi vi_set1(int32_t x) { return (vi)vf_set1(0) + x; }

/* Lanes 0 .. VF_LANES-1 below n: all ones, others 0. */
VF_INLINE vi vi_first(int64_t n) {
    vi index;
    static const int32_t counting[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    memcpy(&index, counting, sizeof index);
    return index < vi_set1((int32_t)n);
}

/* A vector folded by halves to 4 lanes. */
#if VF_LANES == 16
#define VF_FOLD(v, op)                                                                                                       \
    op(op(__builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 8, 9, 10, 11)),                           \
       op(__builtin_shufflevector(v, v, 4, 5, 6, 7), __builtin_shufflevector(v, v, 12, 13, 14, 15)))
#elif VF_LANES == 8
#define VF_FOLD(v, op) op(__builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 4, 5, 6, 7))
#else
#define VF_FOLD(v, op) (v)
#endif

VF_INLINE vf4 vf4_add(vf4 a, vf4 b) { return a + b; }
VF_INLINE vf4 vf4_higher(vf4 a, vf4 b) {
    vi4 mask = a > b;
    return (vf4)((mask & (vi4)a) | (~mask & (vi4)b));
}

VF_INLINE vf4 vf_fold_sum(vf v) { return VF_FOLD(v, vf4_add); }

VF_INLINE vi4 vi4_higher(vi4 a, vi4 b) {
    vi4 mask = a > b;
    return (mask & a) | (~mask & b);
}

/* The highest lane. */
VF_INLINE int32_t vi_highest(vi v) {
    vi4 s = VF_FOLD(v, vi4_higher);
    int32_t a = s[0] > s[2] ? s[0] : s[2], b = s[1] > s[3] ? s[1] : s[3];
    return a > b ? a : b;
}

/* Sum of the lanes, folded by halves. */
VF_INLINE float vf_sum(vf v) {
    vf4 s = vf_fold_sum(v);
    return (s[0] + s[2]) + (s[1] + s[3]);
}

/* The highest lane; which one counts if some are NaN is not said. */
VF_INLINE float vf_highest(vf v) {
    vf4 s = VF_FOLD(v, vf4_higher);
    float a = s[0] > s[2] ? s[0] : s[2], b = s[1] > s[3] ? s[1] : s[3];
    return a > b ? a : b;
}

#endif
