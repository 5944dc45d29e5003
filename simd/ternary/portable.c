/* Ternary products in plain C: the readable statement of what the other tiers compute. */
#include <string.h>

#include "kernels.h"

TERNARY_DOTS(portable) {
    (void)scratch;
    memset(dots, 0, (size_t)(rows * cols) * sizeof *dots);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t start = 0; start < kp; start += TERNARY_BLOCK) {
            int8_t codes[TERNARY_BLOCK];
            ternary_unpack_block(w + ternary_row(kp, r) + start / TERNARY_BLOCK * TERNARY_STEP, codes);
            for (int64_t c = 0; c < cols; c++) {
                const int8_t *x = q + c * ldq + start;
                int32_t sum = 0;
                for (int i = 0; i < TERNARY_BLOCK; i++) {
                    sum += (codes[i] + 1) * x[i];
                }
                int32_t *dot = &dots[c * rows + r];
                *dot = (int32_t)((uint32_t)*dot + (uint32_t)sum);
            }
        }
    }
}

/* 16 partial sums per product, so that a compiler may use vectors without changing the order of additions. */
TERNARY_DOTS_F32(portable) {
    enum { LANES = 16 };
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < cols; c++) {
            float lane[LANES] = {0};
            for (int64_t start = 0; start < k; start += TERNARY_BLOCK) {
                int8_t codes[TERNARY_BLOCK];
                ternary_unpack_block(w + ternary_row(ternary_padded(k), r) + start / TERNARY_BLOCK * TERNARY_STEP, codes);
                float values[TERNARY_BLOCK] = {0};
                int64_t length = k - start < TERNARY_BLOCK ? k - start : TERNARY_BLOCK;
                memcpy(values, x + c * ldx + start, (size_t)length * sizeof *x);
                for (int i = 0; i < TERNARY_BLOCK; i += LANES) {
                    for (int j = 0; j < LANES; j++) {
                        lane[j] += (float)codes[i + j] * values[i + j];
                    }
                }
            }
            float sum = 0;
            for (int j = 0; j < LANES; j++) {
                sum += lane[j];
            }
            y[c * ldy + r] = sum;
        }
    }
}
