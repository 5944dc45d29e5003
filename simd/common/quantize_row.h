/* The absmax int8 rounding of one activation row (contract: setun/ternary.h), over vec.h, for every kernel that ends in one. Each
 * operation is exact, or one IEEE operation in a fixed order: the same bits on every tier. */
#ifndef SETUN_QUANTIZE_ROW_H
#define SETUN_QUANTIZE_ROW_H

#include <stdbool.h>

#include "simd/common/vec.h"

/* Adding it to |v| < 2^22 rounds v to an integer, ties to even, in the low bits of the sum; the lowest byte of ROUNDER itself is 0. */
#define ROUNDER 12582912.0f /* 1.5 * 2^23 */
enum { ROUNDER_BITS = 0x4B400000 };

#define QUANTIZE_FLOOR 1e-5f /* of a row's absmax */

/* The lowest bytes of the first n lanes. */
VF_INLINE void quantize_store(int8_t *q, int64_t n, vi v) {
#if defined(__AVX512F__)
    __m128i bytes = _mm512_cvtepi32_epi8((__m512i)v);
#elif defined(__AVX2__)
    const __m256i lowest = _mm256_set1_epi32(0x0c080400);
    __m256i picked = _mm256_shuffle_epi8((__m256i)v, lowest); /* four bytes, four times, in each half */
    __m128i bytes = _mm_unpacklo_epi32(_mm256_castsi256_si128(picked), _mm256_extracti128_si256(picked, 1));
#else
    int8_t bytes[VF_LANES];
    for (int j = 0; j < VF_LANES; j++) {
        bytes[j] = (int8_t)v[j];
    }
#endif
    if (n == VF_LANES) {
        memcpy(q, &bytes, VF_LANES);
    } else {
        memcpy(q, &bytes, (size_t)n);
    }
}

typedef uint32_t vu __attribute__((vector_size(4 * VF_LANES)));

/* A row being rounded. */
typedef struct quantizer {
    vf scale;  /* 127 / absmax */
    vu total;  /* codes, each with ROUNDER_BITS on it, modulo 2^32 */
    float step;
    bool finite;
} quantizer;

/* The bits of |x|: without their sign, floats compare like integers, with Inf and NaN above the rest. */
VF_INLINE vi quantize_magnitude(vf x) { return (vi)vf_abs(x); }

/* The float whose quantize_magnitude is the highest of all lanes. */
VF_INLINE float quantize_absmax(vi largest) {
    int32_t bits = vi_highest(largest);
    float absmax;
    memcpy(&absmax, &bits, sizeof absmax);
    return absmax;
}

/* For a row of this absmax. */
VF_INLINE quantizer quantize_begin(float absmax) {
    float a = absmax > QUANTIZE_FLOOR ? absmax : QUANTIZE_FLOOR;
    bool finite = absmax < INFINITY;
    return (quantizer){vf_set1(127.0f / a), (vu)vi_set1(0), finite ? a / 127.0f : NAN, finite};
}

/* Rounds the first n lanes of x, the others of which are 0. Only if the row is finite. */
VF_INLINE void quantize_vector(quantizer *row, vf x, int64_t n, int8_t *q) {
    vi rounded = (vi)(x * row->scale + vf_set1(ROUNDER));
    row->total += (vu)rounded;
    quantize_store(q, n, rounded);
}

/* After all k values: *step, *sum, and zeros from k to kp; a row that is not finite gets zeros alone. */
VF_INLINE void quantize_end(const quantizer *row, int64_t k, int64_t kp, int8_t *q, float *step, int32_t *sum) {
    uint32_t total = 0;
    if (row->finite) {
        int64_t vectors = (k + VF_LANES - 1) / VF_LANES;
        for (int j = 0; j < VF_LANES; j++) {
            total += row->total[j] - (uint32_t)vectors * ROUNDER_BITS;
        }
    }
    int64_t written = row->finite ? k : 0;
    memset(q + written, 0, (size_t)(kp - written));
    *step = row->step;
    *sum = (int32_t)total;
}

/* A whole row of k values. */
VF_INLINE void quantize_row(const float *x, int64_t k, int64_t kp, int8_t *q, float *step, int32_t *sum) {
    vi largest = vi_set1(0);
    VF_EACH(i, lanes, k, { largest = vi_max(largest, quantize_magnitude(vf_get(x + i, lanes))); });
    quantizer row = quantize_begin(quantize_absmax(largest));
    if (row.finite) {
        VF_EACH(i, lanes, k, { quantize_vector(&row, vf_get(x + i, lanes), lanes, q + i); });
    }
    quantize_end(&row, k, kp, q, step, sum);
}

#endif
