/* AVX-VNNI (256 bits): vpdpbusd adds four products into each int32 lane. */
#include <immintrin.h>

typedef __m256i vec;
#define TIER avxvnni
#define ROWS 2
#define COLS 4
#define FLUSH_BLOCKS 0
#define ZERO() _mm256_setzero_si256()
#define ADD(a, b) _mm256_add_epi32(a, b)
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define PLANE(v, i) _mm256_and_si256(_mm256_srli_epi16(v, 2 * (i)), _mm256_set1_epi8(3))
#define DOT(sum, u, s) dot(sum, u, s)
#define WIDEN(sum) (sum)
#define FOLD(v) fold(v)

/* The instruction itself, as in dots_avx512.c; a test without the hardware uses the AVX-512 encoding. */
static inline __attribute__((always_inline)) __m256i dot(__m256i sum, __m256i u, __m256i s) {
#if defined(SETUN_AVXVNNI_EMULATED)
    __asm__("vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(u), "x"(s));
#else
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(u), "x"(s));
#endif
    return sum;
}

static inline int fold(__m256i v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1)));
}

#include "dots_body.h"
