/* Ternary weights times fp32 activations on one tier, written once over the tier's vectors. A file that includes this defines
 *   TIER, ROWS, COLS   its name; the register tile: ROWS rows of w by COLS rows of x
 *   vec                a vector of floats;  ZERO(), LOAD(p), FMA(a, b, sum)
 *   lanes              as many int32 lanes;  EXPAND(p) one packed byte to each lane
 *   WEIGHTS(ix, i)     the codes of plane i of those bytes as floats
 *   FOLD(v)            the sum of the lanes, in a fixed order
 * Products with -1, 0 and 1 are exact, and each result adds in the same order whatever tile it falls into. */
#include <string.h>

#include "kernels.h"

#define INLINE static inline __attribute__((always_inline))
enum { VEC_LANES = sizeof(vec) / sizeof(float) };

INLINE void block(const uint8_t *w, int64_t stride, const float *x, int64_t ldx, int rows, int cols, vec sum[COLS][ROWS]) {
    for (int r = 0; r < rows; r++) {
        ternary_prefetch(w + r * stride);
    }
    for (int part = 0; part < TERNARY_BLOCK_BYTES; part += VEC_LANES) {
        lanes bytes[ROWS];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            bytes[r] = EXPAND(w + r * stride + part);
        }
#pragma GCC unroll 4
        for (int plane = 0; plane < 4; plane++) {
            vec codes[ROWS];
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                codes[r] = WEIGHTS(bytes[r], plane);
            }
#pragma GCC unroll 4
            for (int c = 0; c < cols; c++) {
                vec v = LOAD(x + c * ldx + plane * TERNARY_PLANE + part);
#pragma GCC unroll 4
                for (int r = 0; r < rows; r++) {
                    sum[c][r] = FMA(codes[r], v, sum[c][r]);
                }
            }
        }
    }
}

/* tail: the values of x after its last whole block, padded with zeros to a block per column. */
INLINE void tile(const uint8_t *w, int64_t k, const float *x, int64_t ldx, const float *tail, int rows, int cols, float *y,
                 int64_t ldy) {
    int64_t stride = ternary_padded(k) / 4;
    vec sum[COLS][ROWS];
    for (int c = 0; c < cols; c++) {
        for (int r = 0; r < rows; r++) {
            sum[c][r] = ZERO();
        }
    }
    int64_t start = 0;
    for (; start + TERNARY_BLOCK <= k; start += TERNARY_BLOCK) {
        block(w + start / 4, stride, x + start, ldx, rows, cols, sum);
    }
    if (start < k) {
        block(w + start / 4, stride, tail, TERNARY_BLOCK, rows, cols, sum);
    }
    for (int c = 0; c < cols; c++) {
        for (int r = 0; r < rows; r++) {
            y[c * ldy + r] = FOLD(sum[c][r]);
        }
    }
}

INLINE void strip(const uint8_t *w, int64_t k, const float *x, int64_t ldx, const float *tail, int rows, int64_t cols, float *y,
                  int64_t ldy) {
    if (cols == COLS) {
        tile(w, k, x, ldx, tail, rows, COLS, y, ldy);
        return;
    }
    for (int64_t c = 0; c < cols; c++) {
        tile(w, k, x + c * ldx, ldx, tail + c * TERNARY_BLOCK, rows, 1, y + c * ldy, ldy);
    }
}

TERNARY_DOTS_F32(TIER) {
    int64_t whole = k / TERNARY_BLOCK * TERNARY_BLOCK, stride = ternary_padded(k) / 4;
    for (int64_t c = 0; c < cols; c += COLS) {
        int64_t width = cols - c < COLS ? cols - c : COLS;
        float tail[COLS * TERNARY_BLOCK] = {0};
        for (int64_t i = 0; i < width && k > whole; i++) {
            memcpy(tail + i * TERNARY_BLOCK, x + (c + i) * ldx + whole, (size_t)(k - whole) * sizeof *x);
        }
        int64_t r = 0;
        for (; r + ROWS <= rows; r += ROWS) {
            strip(w + r * stride, k, x + c * ldx, ldx, tail, ROWS, width, y + c * ldy + r, ldy);
        }
        for (; r < rows; r++) {
            strip(w + r * stride, k, x + c * ldx, ldx, tail, 1, width, y + c * ldy + r, ldy);
        }
    }
}
