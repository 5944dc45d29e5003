/* AVX-512 VNNI: vpdpbusd adds four products into each int32 lane. */
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"
#include "vnni512.h"

typedef __m512i vec;
#define TIER avx512
#define ROWS 4
#define COLS 4
#define FLUSH_BLOCKS 0
#define ZERO() _mm512_setzero_si512()
#define ADD(a, b) _mm512_add_epi32(a, b)
#define LOAD(p) _mm512_loadu_si512(p)
#define PLANE(v, i) _mm512_and_si512(_mm512_srli_epi16(v, 2 * (i)), _mm512_set1_epi8(3))
#define DOT(sum, u, s) dot(sum, u, s)
#define WIDEN(sum) (sum)
#define FOLD(v) _mm512_reduce_add_epi32(v)
#define FOLD_ROWS(v, out) fold_rows(v, out)
#define SINGLE(w, kp, rows, q, dots) gemv(w, kp, rows, q, dots)

/* One column: the planes are masked but not shifted, so plane i counts 4^i-fold, in sums of its own that are divided (exactly) at the
 * end. A block adds at most 4*128*128 to a lane, so rows of up to 2^22 values cannot wrap; longer ones take the other way. */
enum { GEMV_MAX_K = 1 << 22 };

static inline __attribute__((always_inline)) void gemv_group(const uint8_t *w, int64_t kp, const int8_t *q, int32_t *dots) {
    const __m512i mask[4] = {_mm512_set1_epi8(0x03), _mm512_set1_epi8(0x0C), _mm512_set1_epi8(0x30), _mm512_set1_epi8((char)0xC0)};
    __m512i sum[ROWS][4];
#pragma GCC unroll 4
    for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 4
        for (int plane = 0; plane < 4; plane++) {
            sum[r][plane] = _mm512_setzero_si512();
        }
    }
    for (int64_t i = 0; i < kp; i += TERNARY_BLOCK) {
        __m512i x[4];
#pragma GCC unroll 4
        for (int plane = 0; plane < 4; plane++) {
            x[plane] = _mm512_loadu_si512(q + i + TERNARY_PLANE * plane);
        }
#pragma GCC unroll 4
        for (int r = 0; r < ROWS; r++) {
            __m512i v = _mm512_loadu_si512(w + i + TERNARY_BLOCK_BYTES * r);
            __asm__("" : "+v"(v)); /* one load, not one as the operand of each AND: loads are what this loop has least of */
#pragma GCC unroll 4
            for (int plane = 0; plane < 4; plane++) {
                sum[r][plane] = dot(sum[r][plane], _mm512_and_si512(v, mask[plane]), x[plane]);
            }
        }
    }
    __m512i total[ROWS];
#pragma GCC unroll 4
    for (int r = 0; r < ROWS; r++) {
        __m512i low = _mm512_add_epi32(sum[r][0], _mm512_srai_epi32(sum[r][1], 2));
        __m512i high = _mm512_add_epi32(_mm512_srai_epi32(sum[r][2], 4), _mm512_srai_epi32(sum[r][3], 6));
        total[r] = _mm512_add_epi32(low, high);
    }
    fold_rows(total, dots);
}

static bool gemv(const uint8_t *w, int64_t kp, int64_t rows, const int8_t *q, int32_t *dots) {
    if (kp > GEMV_MAX_K) {
        return false;
    }
    int64_t r = 0;
    for (; r + ROWS <= rows; r += ROWS) {
        gemv_group(w + ternary_row(kp, r), kp, q, dots + r);
    }
    if (r < rows) {
        int32_t folded[ROWS];
        gemv_group(w + ternary_row(kp, r), kp, q, folded);
        memcpy(dots + r, folded, (size_t)(rows - r) * sizeof *dots);
    }
    return true;
}

#include "dots_body.h"
