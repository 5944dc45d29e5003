/* NEON with the int8 matrix extension: smmla multiplies 2 rows of w by 2 rows of q over 8 values. */
#include <arm_neon.h>

#include "kernels.h"

enum { ROWS = 4, COLS = 4 };

static inline int8x16_t plane_of(const uint8_t *bytes, int plane) {
    return vreinterpretq_s8_u8(vandq_u8(vshlq_u8(vld1q_u8(bytes), vdupq_n_s8((int8_t)(-2 * plane))), vdupq_n_u8(3)));
}

/* Two vectors a, b of 16 values as the two operands of smmla: values 0..7 of both, values 8..15 of both. */
static inline int8x16x2_t interleave(int8x16_t a, int8x16_t b) {
    int64x2_t x = vreinterpretq_s64_s8(a), y = vreinterpretq_s64_s8(b);
    return (int8x16x2_t){{vreinterpretq_s8_s64(vtrn1q_s64(x, y)), vreinterpretq_s8_s64(vtrn2q_s64(x, y))}};
}

/* A group of rows is always whole, and pointers beyond the last column repeat it; only what exists is stored. */
static void tile(const uint8_t *w, int64_t kp, int64_t rows, const int8_t *q, int64_t ldq, int64_t cols, int32_t *dots, int64_t ld) {
    const uint8_t *row[ROWS];
    const int8_t *col[COLS];
    for (int i = 0; i < ROWS; i++) {
        row[i] = w + i * TERNARY_BLOCK_BYTES;
    }
    for (int i = 0; i < COLS; i++) {
        col[i] = q + (i < cols ? i : cols - 1) * ldq;
    }
    int32x4_t sum[ROWS / 2][COLS / 2];
    for (int r = 0; r < ROWS / 2; r++) {
        for (int c = 0; c < COLS / 2; c++) {
            sum[r][c] = vdupq_n_s32(0);
        }
    }
    for (int64_t start = 0; start < kp; start += TERNARY_BLOCK) {
        for (int part = 0; part < TERNARY_BLOCK_BYTES; part += 16) {
            for (int plane = 0; plane < 4; plane++) {
                int64_t byte = start / TERNARY_BLOCK * TERNARY_STEP + part, value = start + plane * TERNARY_PLANE + part;
                int8x16x2_t x[COLS / 2];
                for (int c = 0; c < COLS / 2; c++) {
                    x[c] = interleave(vld1q_s8(col[2 * c] + value), vld1q_s8(col[2 * c + 1] + value));
                }
                for (int r = 0; r < ROWS / 2; r++) {
                    int8x16x2_t codes = interleave(plane_of(row[2 * r] + byte, plane), plane_of(row[2 * r + 1] + byte, plane));
                    for (int c = 0; c < COLS / 2; c++) {
                        sum[r][c] = vmmlaq_s32(sum[r][c], codes.val[0], x[c].val[0]);
                        sum[r][c] = vmmlaq_s32(sum[r][c], codes.val[1], x[c].val[1]);
                    }
                }
            }
        }
    }
    for (int r = 0; r < ROWS && r < rows; r++) {
        for (int c = 0; c < COLS && c < cols; c++) {
            int32_t pair[4]; /* row 0 by both columns, row 1 by both */
            vst1q_s32(pair, sum[r / 2][c / 2]);
            dots[c * ld + r] = pair[r % 2 * 2 + c % 2];
        }
    }
}

TERNARY_DOTS(neon_i8mm) {
    if (cols == 1) { /* half of each product would be thrown away */
        ternary_dots_neon_dot(w, kp, rows, q, ldq, cols, dots, scratch);
        return;
    }
    for (int64_t c = 0; c < cols; c += COLS) {
        for (int64_t r = 0; r < rows; r += ROWS) {
            tile(w + ternary_row(kp, r), kp, rows - r, q + c * ldq, ldq, cols - c, dots + c * rows + r, rows);
        }
    }
}
