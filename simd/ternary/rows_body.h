/* The elementwise kernels in plain C, compiled once per tier: rows_<tier>.c defines NAME(x) as x_<tier> and includes this file. Each
 * operation is exact, or one IEEE operation in a fixed order, so the compiler's choice of vectors cannot show in the bits. */
#include <string.h>

#include "kernels.h"
#include "simd/common/fixed_sums.h"
#include "simd/common/quantize_row.h"

static void NAME(codes)(const float *restrict w, int64_t count, float inv, int8_t *restrict codes) {
    for (int64_t i = 0; i < count; i++) {
        float v = w[i] * inv;
        codes[i] = (int8_t)((v > 0.5f) - (v < -0.5f)); /* clamp(rint(v)): the ties at 0.5 go to the even 0 */
    }
}

static void NAME(pack_block)(const float *restrict w, float inv, uint8_t *restrict packed) {
    for (int j = 0; j < TERNARY_PLANE; j++) {
        int32_t bits = 0;
#pragma GCC unroll 4
        for (int plane = 0; plane < 4; plane++) {
            float v = w[TERNARY_PLANE * plane + j] * inv;
            bits |= (1 + (v > 0.5f) - (v < -0.5f)) << 2 * plane;
        }
        packed[j] = (uint8_t)bits;
    }
}

static void NAME(quantize_row)(const float *x, int64_t k, int8_t *q, float *step, int32_t *sum) {
    quantize_row(x, k, ternary_padded(k), q, step, sum);
}

static void NAME(finish)(const int32_t *restrict dots, int32_t sum, float scale, const float *bias, setun_activation activation,
                         const float *residual, int64_t count, float *y) {
    enum { STRIP = 64 }; /* residual may be y itself: a strip is read before it is written */
    for (int64_t start = 0; start < count; start += STRIP) {
        int64_t length = count - start < STRIP ? count - start : STRIP;
        float strip[STRIP];
        for (int64_t i = 0; i < length; i++) {
            strip[i] = (float)(int32_t)((uint32_t)dots[start + i] - (uint32_t)sum) * scale;
        }
        for (int64_t i = 0; bias != NULL && i < length; i++) {
            strip[i] += bias[start + i];
        }
        for (int64_t i = 0; activation != SETUN_ACTIVATION_NONE && i < length; i++) {
            strip[i] = strip[i] < 0.0f ? 0.0f : strip[i];
        }
        for (int64_t i = 0; activation == SETUN_ACTIVATION_RELU2 && i < length; i++) {
            strip[i] *= strip[i];
        }
        for (int64_t i = 0; residual != NULL && i < length; i++) {
            strip[i] += residual[start + i];
        }
        memcpy(y + start, strip, (size_t)length * sizeof *y);
    }
}

const ternary_rows_kernels NAME(ternary_rows) = {
    .sum_abs = fixed_chunk_sum_abs, .codes = NAME(codes), .pack_block = NAME(pack_block),
    .quantize_row = NAME(quantize_row), .finish = NAME(finish)};
