/* The dynamic maps of 8-bit optimizer state (contract: setun/optim.h), over vec.h, in closed form: the leading bit of a code is its decade,
 * the bits below it count steps within that decade, so that decoding is one product and one sum with factors of the decade, and encoding is
 * the same line inverted. */
#ifndef SETUN_DYNAMIC8_H
#define SETUN_DYNAMIC8_H

#include "simd/common/quantize_row.h"

/* A map. Decoding is by exponent of the code (as a float), modulo 8; encoding by the number of thresholds that a value reaches. */
typedef struct dynamic8_map {
    float level_factor[8], level_offset[8];
    float next[8];                              /* the threshold after as many */
    float code_factor[8], code_offset[8], code_most[8];
    int32_t least_exponent;                     /* exponents of codes below it count as it */
    float top;                                  /* from here on, a value is 1 */
    int32_t top_code;
} dynamic8_map;

/* A line from a decade's values to its n codes, from n to 2n - 1, and back. */
#define DYNAMIC8_FACTOR(scale, n) (float)(0.9 * (scale) / (n))
#define DYNAMIC8_OFFSET(scale, n) (float)((scale) * (0.1 - 0.9 + 0.45 / (n)))
#define DYNAMIC8_CODE_FACTOR(scale, n) (float)((n) / (0.9 * (scale)))
#define DYNAMIC8_CODE_OFFSET(n) (float)((n) * (1.0 - 1.0 / 9.0))
/* Half-way between the last of n levels of a decade and the first of 2n of the next, which begins at `edge`. */
#define DYNAMIC8_NEXT(edge, n) (float)((edge) * (1.0 + 0.9 / (n)))

/* n0: codes of the lowest decade. */
#define DYNAMIC8_CODES(n0)                                                                                                          \
    .code_factor = {0, DYNAMIC8_CODE_FACTOR(1e-6, n0), DYNAMIC8_CODE_FACTOR(1e-5, 2 * n0), DYNAMIC8_CODE_FACTOR(1e-4, 4 * n0),      \
                    DYNAMIC8_CODE_FACTOR(1e-3, 8 * n0), DYNAMIC8_CODE_FACTOR(1e-2, 16 * n0), DYNAMIC8_CODE_FACTOR(1e-1, 32 * n0),   \
                    DYNAMIC8_CODE_FACTOR(1.0, 64 * n0)},                                                                            \
    .code_offset = {0, DYNAMIC8_CODE_OFFSET(n0), DYNAMIC8_CODE_OFFSET(2 * n0), DYNAMIC8_CODE_OFFSET(4 * n0),                        \
                    DYNAMIC8_CODE_OFFSET(8 * n0), DYNAMIC8_CODE_OFFSET(16 * n0), DYNAMIC8_CODE_OFFSET(32 * n0),                     \
                    DYNAMIC8_CODE_OFFSET(64 * n0)},                                                                                 \
    .code_most = {0, 2 * n0 - 0.5f, 4 * n0 - 0.5f, 8 * n0 - 0.5f, 16 * n0 - 0.5f, 32 * n0 - 0.5f, 64 * n0 - 0.5f, 128 * n0 - 0.5f}

#define DYNAMIC8_THRESHOLDS(first, n0)                                                                                              \
    .next = {first, DYNAMIC8_NEXT(1e-6, n0), DYNAMIC8_NEXT(1e-5, 2 * n0), DYNAMIC8_NEXT(1e-4, 4 * n0), DYNAMIC8_NEXT(1e-3, 8 * n0), \
             DYNAMIC8_NEXT(1e-2, 16 * n0), DYNAMIC8_NEXT(1e-1, 32 * n0), INFINITY}

/* Exponent 126 (modulo 8: 6) is that of 0, 127 that of 1, 134 that of -128: with factor -1/128, both 0 and 1 come out. */
static const dynamic8_map DYNAMIC8_SIGNED = {
    .level_factor = {DYNAMIC8_FACTOR(1e-5, 2), DYNAMIC8_FACTOR(1e-4, 4), DYNAMIC8_FACTOR(1e-3, 8), DYNAMIC8_FACTOR(1e-2, 16),
                     DYNAMIC8_FACTOR(1e-1, 32), DYNAMIC8_FACTOR(1.0, 64), -1.0f / 128, DYNAMIC8_FACTOR(1e-6, 1)},
    .level_offset = {DYNAMIC8_OFFSET(1e-5, 2), DYNAMIC8_OFFSET(1e-4, 4), DYNAMIC8_OFFSET(1e-3, 8), DYNAMIC8_OFFSET(1e-2, 16),
                     DYNAMIC8_OFFSET(1e-1, 32), DYNAMIC8_OFFSET(1.0, 64), 0, DYNAMIC8_OFFSET(1e-6, 1)},
    DYNAMIC8_THRESHOLDS((float)0.275e-6, 1),
    DYNAMIC8_CODES(1),
    .least_exponent = 126,
    .top = (float)(1.0 - 0.225 / 64),
    .top_code = -128,
};

/* Exponent 127 is that of 1, whose level is 1, and stands for that of 0. */
static const dynamic8_map DYNAMIC8_UNSIGNED = {
    .level_factor = {DYNAMIC8_FACTOR(1e-6, 2), DYNAMIC8_FACTOR(1e-5, 4), DYNAMIC8_FACTOR(1e-4, 8), DYNAMIC8_FACTOR(1e-3, 16),
                     DYNAMIC8_FACTOR(1e-2, 32), DYNAMIC8_FACTOR(1e-1, 64), DYNAMIC8_FACTOR(1.0, 128), 1},
    .level_offset = {DYNAMIC8_OFFSET(1e-6, 2), DYNAMIC8_OFFSET(1e-5, 4), DYNAMIC8_OFFSET(1e-4, 8), DYNAMIC8_OFFSET(1e-3, 16),
                     DYNAMIC8_OFFSET(1e-2, 32), DYNAMIC8_OFFSET(1e-1, 64), DYNAMIC8_OFFSET(1.0, 128), 0},
    DYNAMIC8_THRESHOLDS(1e-45f, 2), /* the least float: what is above 0 stays above it */
    DYNAMIC8_CODES(2),
    .least_exponent = 127,
    .top = (float)(1.0 - 0.225 / 128),
    .top_code = 1,
};

/* table[index modulo 8]. */
VF_INLINE vf dynamic8_look(const float table[8], vi index) {
#if defined(__AVX512F__)
    return _mm512_permutexvar_ps((__m512i)index, _mm512_broadcast_f32x8(_mm256_loadu_ps(table)));
#elif defined(__AVX2__)
    return _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), (__m256i)index);
#else
    return (vf){table[index[0] & 7], table[index[1] & 7], table[index[2] & 7], table[index[3] & 7]};
#endif
}

/* n codes, widened; zeros after them. */
VF_INLINE vi dynamic8_load(const int8_t *p, const int64_t n, const int is_signed) {
    int8_t first[16] = {0};
    if (n != VF_LANES) {
        memcpy(first, p, (size_t)n);
        p = first;
    }
#if defined(__AVX512F__)
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    return (vi)(is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes));
#elif defined(__AVX2__)
    __m128i bytes = _mm_loadl_epi64((const __m128i *)p);
    return (vi)(is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes));
#else
    vi wide = {p[0], p[1], p[2], p[3]};
    return is_signed ? wide : wide & 0xff;
#endif
}

/* The lines of a map from codes to levels, times the scale of a block. */
typedef struct dynamic8_levels {
    float factor[8], offset[8];
    vi least_exponent;
} dynamic8_levels;

VF_INLINE dynamic8_levels dynamic8_scaled(const dynamic8_map *map, float scale) {
    dynamic8_levels levels = {.least_exponent = vi_set1(map->least_exponent)};
    for (int i = 0; i < 8; i++) {
        levels.factor[i] = map->level_factor[i] * scale;
        levels.offset[i] = map->level_offset[i] * scale;
    }
    return levels;
}

/* The scaled levels of n codes. */
VF_INLINE vf dynamic8_decode(const dynamic8_levels *levels, const int8_t *p, const int64_t n, const int is_signed) {
    vf code = __builtin_convertvector(dynamic8_load(p, n, is_signed), vf);
    vi exponent = vi_max((is_signed ? (vi)vf_abs(code) : (vi)code) >> 23, levels->least_exponent);
    vf offset = dynamic8_look(levels->offset, exponent);
    if (is_signed) {
        offset = (vf)((vi)offset ^ ((vi)code & (vi_set1(1) << 31)));
    }
    return dynamic8_look(levels->factor, exponent) * code + offset;
}

/* How many thresholds a magnitude reaches, plus 32. */
VF_INLINE vi dynamic8_reached(const dynamic8_map *map, vf a) {
    /* The upper half of a float grows with its logarithm, 128 for each power of 2; 159/2^16 of it are the thresholds below, or one less. */
#if defined(__AVX512F__)
    vi upper = (vi)_mm512_madd_epi16((__m512i)a, _mm512_set1_epi32(159 << 16));
#elif defined(__AVX2__)
    vi upper = (vi)_mm256_madd_epi16((__m256i)a, _mm256_set1_epi32(159 << 16));
#else
    vi upper = ((vi)a >> 16) * 159;
#endif
    vi reached = vi_max(upper >> 16, vi_set1(32));
    vf next = dynamic8_look(map->next, reached);
#if defined(__AVX512F__)
    return (vi)_mm512_mask_add_epi32((__m512i)reached, _mm512_cmp_ps_mask(a, next, _CMP_GE_OQ), (__m512i)reached, _mm512_set1_epi32(1));
#else
    return reached - (a >= next);
#endif
}

/* The codes of n values of at most 1 in magnitude; any codes of NaN. */
VF_INLINE void dynamic8_encode(const dynamic8_map *map, vf x, const int64_t n, const int is_signed, int8_t *p) {
    vf a = is_signed ? vf_abs(x) : x;
    vi reached = dynamic8_reached(map, a);
    vf line = a * dynamic8_look(map->code_factor, reached) + dynamic8_look(map->code_offset, reached);
    line = vf_min(line, dynamic8_look(map->code_most, reached));
    if (is_signed) {
        line = (vf)((vi)line | ((vi)x & (vi_set1(1) << 31)));
    }
    vi code = __builtin_convertvector(line, vi);
    if (!is_signed) {
        code = vi_max(code, vi_set1(2)) & (reached > 32); /* below the lowest decade */
    }
    vi top = x >= vf_set1(map->top);
    quantize_store(p, n, (top & vi_set1(map->top_code)) | (~top & code));
}

#endif
