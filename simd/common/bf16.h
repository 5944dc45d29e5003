/* bf16: the upper half of an fp32. Rounding is to nearest, ties to even; NaN stays NaN (its top payload bits, made quiet); values beyond
 * the largest bf16 round to infinity. Only hardware conversions (vcvtne2ps2bf16) turn denormals into 0; the ones here keep them. */
#ifndef SETUN_BF16_H
#define SETUN_BF16_H

#include "simd/common/vec.h"

typedef uint16_t bf16;
typedef uint32_t vu __attribute__((vector_size(4 * VF_LANES)));

static inline __attribute__((unused)) bf16 bf16_from_float(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000) {
        return (bf16)(bits >> 16 | 0x40);
    }
    return (bf16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline __attribute__((unused)) float bf16_to_float(bf16 x) {
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Each lane rounded to bf16, still as fp32: the low half is 0. */
VF_INLINE vf vf_round_bf16(vf x) {
    vu bits = (vu)x;
    vu rounded = bits + 0x7fff + (bits >> 16 & 1);
    vu is_nan = (vu)(x != x);
    return (vf)(((is_nan & (bits | 0x400000)) | (~is_nan & rounded)) & 0xffff0000);
}

/* The first n lanes (0 < n <= VF_LANES) as bf16; every NaN as the same one, 0x7fc0. */
VF_INLINE void vf_put_bf16(bf16 *p, int64_t n, vf v) {
    vu is_nan = (vu)(v != v);
    vu bits = (is_nan & 0x7fc0) | (~is_nan & ((vu)vf_round_bf16(v) >> 16));
#if defined(__AVX512F__)
    if (n == VF_LANES) {
        _mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16((__m512i)bits));
        return;
    }
#endif
    for (int64_t i = 0; i < n; i++) {
        p[i] = (bf16)bits[i];
    }
}

/* n lanes (0 < n <= VF_LANES) of bf16 or int8 as fp32, exactly; memory beyond them is not touched, lanes beyond them are 0. */
#if defined(__AVX512F__)

VF_INLINE vf vf_get_bf16(const bf16 *p, int64_t n) {
    __m256i half = n == VF_LANES ? _mm256_loadu_si256((const void *)p) : _mm256_maskz_loadu_epi16((__mmask16)((1u << n) - 1), p);
    return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
}
VF_INLINE vf vf_get_i8(const int8_t *p, int64_t n) {
    __m128i bytes = n == VF_LANES ? _mm_loadu_si128((const void *)p) : _mm_maskz_loadu_epi8((__mmask16)((1u << n) - 1), p);
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

#elif defined(__AVX2__)

VF_INLINE vf vf_get_bf16(const bf16 *p, int64_t n) {
    bf16 some[VF_LANES] = {0};
    if (n < VF_LANES) {
        memcpy(some, p, (size_t)n * sizeof *p);
        p = some;
    }
    return (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), 16);
}
VF_INLINE vf vf_get_i8(const int8_t *p, int64_t n) {
    int8_t some[VF_LANES] = {0};
    if (n < VF_LANES) {
        memcpy(some, p, (size_t)n);
        p = some;
    }
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p)));
}

#else

VF_INLINE vf vf_get_bf16(const bf16 *p, int64_t n) {
    vf v = vf_set1(0);
    for (int64_t i = 0; i < n; i++) {
        v[i] = bf16_to_float(p[i]);
    }
    return v;
}
VF_INLINE vf vf_get_i8(const int8_t *p, int64_t n) {
    vf v = vf_set1(0);
    for (int64_t i = 0; i < n; i++) {
        v[i] = (float)p[i];
    }
    return v;
}

#endif

#endif
