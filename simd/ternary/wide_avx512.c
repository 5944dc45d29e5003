/* Products of many columns of q, AVX-512 VNNI: the lanes of a sum are 16 rows of w, so that no sum is folded, however short the rows are. w is
 * unpacked once for all columns into panels of 64 rows, [kp / 4][4 groups][16 rows][4 values]; four values of a column of q go to all lanes. */
#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "kernels.h"
#include "simd/common/check.h"
#include "simd/common/transpose16.h"
#include "vnni512.h"

enum {
    WIDE_LANES = 16,
    WIDE_GROUPS = TERNARY_WIDE_ROWS / WIDE_LANES,
    WIDE_COLS = 6 /* 24 sums, 4 vectors of w and one of q */
};

/* Up to 64 rows of w -> a panel; missing rows are zeros. The packed bytes are transposed before the planes are taken apart. */
static void unpack_panel(const uint8_t *w, int64_t kp, int64_t rows, uint8_t *panel) {
    for (int64_t block = 0; block < kp / TERNARY_BLOCK; block++) {
        for (int64_t group = 0; group * WIDE_LANES < rows; group++) {
            __m512i v[WIDE_LANES];
            for (int i = 0; i < WIDE_LANES; i++) {
                int64_t r = group * WIDE_LANES + i;
                v[i] = r < rows ? _mm512_loadu_si512(w + ternary_row(kp, r) + block * TERNARY_STEP) : _mm512_setzero_si512();
            }
            transpose16(v);
            uint8_t *to = panel + (block * TERNARY_BLOCK / 4 * WIDE_GROUPS + group) * 64;
            for (int i = 0; i < WIDE_LANES; i++, to += WIDE_GROUPS * 64) {
                const __m512i mask = _mm512_set1_epi8(3);
                enum { PLANE_BYTES = TERNARY_PLANE / 4 * WIDE_GROUPS * 64 };
                _mm512_store_si512(to, _mm512_and_si512(v[i], mask));
                _mm512_store_si512(to + PLANE_BYTES, _mm512_and_si512(_mm512_srli_epi16(v[i], 2), mask));
                _mm512_store_si512(to + 2 * PLANE_BYTES, _mm512_and_si512(_mm512_srli_epi16(v[i], 4), mask));
                _mm512_store_si512(to + 3 * PLANE_BYTES, _mm512_and_si512(_mm512_srli_epi16(v[i], 6), mask));
            }
        }
    }
}

/* `cols` columns by `groups` groups of 16 rows, of which the last stores the lanes of `mask`. */
static inline __attribute__((always_inline)) void wide_tile(const uint8_t *panel, int64_t kp, const int8_t *q, int64_t ldq, const int groups,
                                                            const int cols, __mmask16 mask, int32_t *dots, int64_t ld) {
    __m512i sum[WIDE_COLS][WIDE_GROUPS];
#pragma GCC unroll 6
    for (int c = 0; c < cols; c++) {
#pragma GCC unroll 4
        for (int g = 0; g < groups; g++) {
            sum[c][g] = _mm512_setzero_si512();
        }
    }
    for (int64_t i = 0; i < kp; i += 4, panel += WIDE_GROUPS * 64) {
        __m512i u[WIDE_GROUPS];
#pragma GCC unroll 4
        for (int g = 0; g < groups; g++) {
            u[g] = _mm512_load_si512(panel + g * 64);
        }
#pragma GCC unroll 6
        for (int c = 0; c < cols; c++) {
            int32_t four;
            memcpy(&four, q + c * ldq + i, sizeof four);
            __m512i x = _mm512_set1_epi32(four);
#pragma GCC unroll 4
            for (int g = 0; g < groups; g++) {
                sum[c][g] = dot(sum[c][g], u[g], x);
            }
        }
    }
#pragma GCC unroll 6
    for (int c = 0; c < cols; c++) {
#pragma GCC unroll 4
        for (int g = 0; g < groups; g++) {
            _mm512_mask_storeu_epi32(dots + c * ld + g * WIDE_LANES, g == groups - 1 ? mask : (__mmask16)0xffff, sum[c][g]);
        }
    }
}

static inline __attribute__((always_inline)) void wide_columns(const uint8_t *panel, int64_t kp, const int8_t *q, int64_t ldq,
                                                               const int groups, int64_t cols, __mmask16 mask, int32_t *dots, int64_t ld) {
    switch (cols) {
#define CASE(n)                                                      \
    case n:                                                          \
        wide_tile(panel, kp, q, ldq, groups, n, mask, dots, ld);     \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
#undef CASE
    default:
        wide_tile(panel, kp, q, ldq, groups, WIDE_COLS, mask, dots, ld);
    }
}

static void unpack(const uint8_t *w, int64_t kp, int64_t rows, uint8_t *panels) {
    for (int64_t r = 0; r < rows; r += TERNARY_WIDE_ROWS, panels += TERNARY_WIDE_ROWS * kp) {
        unpack_panel(w + ternary_row(kp, r), kp, setun_min_i64(TERNARY_WIDE_ROWS, rows - r), panels);
    }
}

static void panel_dots(const uint8_t *panel, int64_t kp, int64_t rows, const int8_t *q, int64_t ldq, int64_t cols, int32_t *dots, int64_t ld) {
    int last = (int)(rows % WIDE_LANES);
    __mmask16 all = 0xffff, mask = last == 0 ? all : (__mmask16)((1u << last) - 1);
    for (int64_t c = 0; c < cols; c += WIDE_COLS, q += WIDE_COLS * ldq, dots += WIDE_COLS * ld) {
        int64_t some = setun_min_i64(WIDE_COLS, cols - c);
        if (rows > TERNARY_WIDE_ROWS - WIDE_LANES) {
            wide_columns(panel, kp, q, ldq, WIDE_GROUPS, some, mask, dots, ld);
            continue;
        }
        for (int64_t g = 0; g * WIDE_LANES < rows; g++) {
            bool ends = (g + 1) * WIDE_LANES >= rows;
            wide_columns(panel + g * 64, kp, q, ldq, 1, some, ends ? mask : all, dots + g * WIDE_LANES, ld);
        }
    }
}

static void dots_of_panels(const uint8_t *panels, int64_t kp, int64_t rows, const int8_t *q, int64_t ldq, int64_t cols, int32_t *dots) {
    for (int64_t r = 0; r < rows; r += TERNARY_WIDE_ROWS, panels += TERNARY_WIDE_ROWS * kp) {
        panel_dots(panels, kp, setun_min_i64(TERNARY_WIDE_ROWS, rows - r), q, ldq, cols, dots + r, rows);
    }
}

const ternary_wide_kernels ternary_wide_avx512 = {unpack, dots_of_panels};
