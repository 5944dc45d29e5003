/* AVX2: vpmaddubsw adds pairs of products into int16 lanes. A pair, a code 0..2 by int8 twice, lies in -512 .. 508; a block adds eight
 * pairs to each lane (two halves, four planes), so eight blocks stay within -32,768 .. 32,512 and are then widened. */
#include <immintrin.h>

typedef __m256i vec;
#define TIER avx2
#define ROWS 2
#define COLS 4
#define FLUSH_BLOCKS 8
#define ZERO() _mm256_setzero_si256()
#define ADD(a, b) _mm256_add_epi32(a, b)
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define PLANE(v, i) _mm256_and_si256(_mm256_srli_epi16(v, 2 * (i)), _mm256_set1_epi8(3))
#define DOT(sum, u, s) dot(sum, u, s)
#define WIDEN(sum) _mm256_madd_epi16(sum, _mm256_set1_epi16(1))
#define FOLD(v) fold(v)

/* The addition is written as the instruction: gcc would otherwise regroup the sums of a block and spill the products that wait. */
static inline __attribute__((always_inline)) __m256i dot(__m256i sum, __m256i u, __m256i s) {
    __m256i products = _mm256_maddubs_epi16(u, s);
    __asm__("vpaddw %1, %0, %0" : "+x"(sum) : "x"(products));
    return sum;
}

static inline int fold(__m256i v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1)));
}

#include "dots_body.h"
