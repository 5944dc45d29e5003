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

INLINE void block(const uint8_t *w, const float *x, int64_t ldx, int cols, vec sum[COLS][ROWS]) {
    for (int part = 0; part < TERNARY_BLOCK_BYTES; part += VEC_LANES) {
        lanes bytes[ROWS];
#pragma GCC unroll 4
        for (int r = 0; r < ROWS; r++) {
            bytes[r] = EXPAND(w + r * TERNARY_BLOCK_BYTES + part);
        }
#pragma GCC unroll 4
        for (int plane = 0; plane < 4; plane++) {
            vec codes[ROWS];
#pragma GCC unroll 4
            for (int r = 0; r < ROWS; r++) {
                codes[r] = WEIGHTS(bytes[r], plane);
            }
#pragma GCC unroll 4
            for (int c = 0; c < cols; c++) {
                vec v = LOAD(x + c * ldx + plane * TERNARY_PLANE + part);
#pragma GCC unroll 4
                for (int r = 0; r < ROWS; r++) {
                    sum[c][r] = FMA(codes[r], v, sum[c][r]);
                }
            }
        }
    }
}

/* tail: the values of x after its last whole block, padded with zeros to a block per column. Of ROWS rows the first `live` are stored. */
INLINE void tile(const uint8_t *w, int64_t k, const float *x, int64_t ldx, const float *tail, int64_t live, int cols, float *y,
                 int64_t ldy) {
    vec sum[COLS][ROWS];
    for (int c = 0; c < cols; c++) {
        for (int r = 0; r < ROWS; r++) {
            sum[c][r] = ZERO();
        }
    }
    int64_t start = 0;
    for (; start + TERNARY_BLOCK <= k; start += TERNARY_BLOCK) {
        block(w + start / TERNARY_BLOCK * TERNARY_STEP, x + start, ldx, cols, sum);
    }
    if (start < k) {
        block(w + start / TERNARY_BLOCK * TERNARY_STEP, tail, TERNARY_BLOCK, cols, sum);
    }
    for (int c = 0; c < cols; c++) {
        for (int r = 0; r < ROWS; r++) {
            float folded = FOLD(sum[c][r]);
            if (r < live) {
                y[c * ldy + r] = folded;
            }
        }
    }
}

INLINE void strip(const uint8_t *w, int64_t k, const float *x, int64_t ldx, const float *tail, int64_t live, int64_t cols, float *y,
                  int64_t ldy) {
    if (cols == COLS) {
        tile(w, k, x, ldx, tail, live, COLS, y, ldy);
        return;
    }
    for (int64_t c = 0; c < cols; c++) {
        tile(w, k, x + c * ldx, ldx, tail + c * TERNARY_BLOCK, live, 1, y + c * ldy, ldy);
    }
}

TERNARY_DOTS_F32(TIER) {
    int64_t whole = k / TERNARY_BLOCK * TERNARY_BLOCK, kp = ternary_padded(k);
    for (int64_t c = 0; c < cols; c += COLS) {
        int64_t width = cols - c < COLS ? cols - c : COLS;
        float tail[COLS * TERNARY_BLOCK] = {0};
        for (int64_t i = 0; i < width && k > whole; i++) {
            memcpy(tail + i * TERNARY_BLOCK, x + (c + i) * ldx + whole, (size_t)(k - whole) * sizeof *x);
        }
        for (int64_t r = 0; r < rows; r += ROWS) {
            int64_t live = rows - r < ROWS ? rows - r : ROWS;
            strip(w + ternary_row(kp, r), k, x + c * ldx, ldx, tail, live, width, y + c * ldy + r, ldy);
        }
    }
}
