/* The dense GEMV with VBMI: a five-bit index finds its three digits in a table of bytes that one register holds. The three rows of a triple
 * share a byte, so they share x: dot products of the byte, of its low four and of its low two bits are the sums of the rows times 1, 4 and
 * 16, of which differences are left. That takes two ANDs for three dot products. */
#include <immintrin.h>
#include <string.h>

#include "dense.h"
#include "vnni512.h"

#define INLINE static inline __attribute__((always_inline))

/* Digits by the low six bits of a byte: the index is bits 0-4, and bit 5 is a neighbour's. */
#define ROW8(i) D(i), D(i + 1), D(i + 2), D(i + 3), D(i + 4), D(i + 5), D(i + 6), D(i + 7)
#define D(i) (((i) % 9) % 3 + 4 * (((i) % 9) / 3) + 16 * ((i) / 9))
static const uint8_t LOW_FIVE[64] = {ROW8(0), ROW8(8), ROW8(16), ROW8(24), ROW8(0), ROW8(8), ROW8(16), ROW8(24)};
/* The index is bits 0-2, 4 and 5, and bit 3 is a neighbour's. */
static const uint8_t WITHOUT_BIT_3[64] = {ROW8(0), ROW8(0), ROW8(8), ROW8(8), ROW8(16), ROW8(16), ROW8(24), ROW8(24)};

INLINE void add_triple(__m512i sum[3], __m512i digits, __m512i x) {
    sum[2] = dot(sum[2], digits, x);
    sum[1] = dot(sum[1], _mm512_and_si512(digits, _mm512_set1_epi8(15)), x);
    sum[0] = dot(sum[0], _mm512_and_si512(digits, _mm512_set1_epi8(3)), x);
}

/* mask ? a : b, bit by bit. */
INLINE __m512i choose(__m512i mask, __m512i a, __m512i b) { return _mm512_ternarylogic_epi64(mask, a, b, 0xCA); }

/* The dot products of one group of 12 rows. */
static void group(const uint8_t *w, int64_t tiles, const int8_t *q, int32_t *dots) {
    const __m512i low_five = _mm512_loadu_si512(LOW_FIVE), without_3 = _mm512_loadu_si512(WITHOUT_BIT_3);
    const __m512i low_three = _mm512_set1_epi8(7), bit_5 = _mm512_set1_epi8(32);
    __m512i sum[4][3];
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) {
        sum[i / 3][i % 3] = _mm512_setzero_si512();
    }
    for (int64_t i = 0; i < tiles; i++, w += DENSE_TILE_BYTES, q += DENSE_VALUES) {
        __m512i x = _mm512_loadu_si512(q), y = _mm512_loadu_si512(q + DENSE_HALF), v[5];
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++) {
            v[j] = _mm512_loadu_si512(w + 64 * j);
            __asm__("" : "+v"(v[j])); /* one load, not one for each use */
        }
#pragma GCC unroll 4
        for (int triple = 0; triple < 4; triple++) {
            add_triple(sum[triple], _mm512_permutexvar_epi8(v[triple], low_five), x);
        }
        add_triple(sum[0], _mm512_permutexvar_epi8(v[4], low_five), y);
        /* The other three indices are in the high bits of the five bytes: dense_take. */
        __m512i d = _mm512_srli_epi16(v[3], 2), e = _mm512_srli_epi16(v[4], 2);
        __m512i last = choose(bit_5, d, _mm512_srli_epi16(v[4], 3));
        add_triple(sum[1], _mm512_permutexvar_epi8(choose(low_three, _mm512_srli_epi16(v[0], 5), d), low_five), y);
        add_triple(sum[2], _mm512_permutexvar_epi8(choose(low_three, _mm512_srli_epi16(v[1], 5), e), low_five), y);
        add_triple(sum[3], _mm512_permutexvar_epi8(choose(low_three, _mm512_srli_epi16(v[2], 5), last), without_3), y);
    }
    __m512i rows[DENSE_ROWS];
#pragma GCC unroll 4
    for (int triple = 0; triple < 4; triple++) {
        rows[3 * triple] = sum[triple][0];
        rows[3 * triple + 1] = _mm512_srai_epi32(_mm512_sub_epi32(sum[triple][1], sum[triple][0]), 2);
        rows[3 * triple + 2] = _mm512_srai_epi32(_mm512_sub_epi32(sum[triple][2], sum[triple][1]), 4);
    }
#pragma GCC unroll 3
    for (int i = 0; i < DENSE_ROWS; i += 4) {
        fold_rows(rows + i, dots + i);
    }
}

void ternary_dense_gemv_avx512bf16(const uint8_t *w, int64_t k, int64_t rows, const int8_t *q, int32_t *dots) {
    int64_t r = 0;
    for (; r + DENSE_ROWS <= rows; r += DENSE_ROWS) {
        group(w + dense_group(k, r / DENSE_ROWS), dense_tiles(k), q, dots + r);
    }
    if (r < rows) {
        int32_t last[DENSE_ROWS];
        group(w + dense_group(k, r / DENSE_ROWS), dense_tiles(k), q, last);
        memcpy(dots + r, last, (size_t)(rows - r) * sizeof *dots);
    }
}
