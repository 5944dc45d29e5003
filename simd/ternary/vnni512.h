/* The 512-bit integer steps that the AVX-512 kernels of the family share. */
#ifndef SETUN_TERNARY_VNNI512_H
#define SETUN_TERNARY_VNNI512_H

#include <immintrin.h>
#include <stdint.h>

/* The instruction itself: around the intrinsic gcc 12 copies the sums from register to register and then spills them. */
static inline __attribute__((always_inline)) __m512i dot(__m512i sum, __m512i u, __m512i s) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u), "v"(s));
    return sum;
}

/* Four sums of 16 lanes by transposition: 13 additions and shuffles, where four folds take about 50. */
static inline __attribute__((always_inline)) void fold_rows(const __m512i *v, int32_t *out) {
    __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
    __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
    __m512i rows = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(rows), _mm512_extracti64x4_epi64(rows, 1));
    _mm_storeu_si128((__m128i *)out, _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
}

#endif
