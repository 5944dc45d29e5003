/* The elementwise kernels in plain C, compiled once per tier: rows_<tier>.c defines NAME(x) as x_<tier> and includes this file. Each
 * operation is exact, or one IEEE operation in a fixed order, so the compiler's choice of vectors cannot show in the bits. */
#include <math.h>
#include <string.h>

#include "kernels.h"

/* Adding it to |v| < 2^22 rounds v to an integer, ties to even, in the low bits of the sum. */
#define ROUNDER 12582912.0f /* 1.5 * 2^23 */
enum { ROUNDER_BITS = 0x4B400000, INFINITY_BITS = 0x7F800000, MAGNITUDE = 0x7FFFFFFF, LANES = 16 };

typedef float float_lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t bit_lanes __attribute__((vector_size(4 * LANES)));

static inline int32_t bits_of(float v) {
    union {
        float f;
        int32_t i;
    } u = {.f = v};
    return u.i;
}

static double NAME(sum_abs)(const float *w, int64_t count) {
    union {
        float_lanes lanes;
        bit_lanes bits;
        float each[LANES];
    } sum = {.each = {0}}, v = {.each = {0}};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        memcpy(&v, w + i, sizeof v);
        v.bits &= MAGNITUDE;
        sum.lanes += v.lanes;
    }
    if (i < count) {
        memset(&v, 0, sizeof v); /* lanes beyond the end add +0, which changes nothing */
        memcpy(&v, w + i, (size_t)(count - i) * sizeof *w);
        v.bits &= MAGNITUDE;
        sum.lanes += v.lanes;
    }
    double wide[LANES];
    for (int j = 0; j < LANES; j++) {
        wide[j] = sum.each[j];
    }
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int j = 0; j < half; j++) {
            wide[j] += wide[j + half];
        }
    }
    return wide[0];
}

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

static void NAME(quantize_row)(const float *restrict x, int64_t k, int8_t *restrict q, float *step, int32_t *sum) {
    int64_t kp = ternary_padded(k);
    int32_t largest = 0; /* floats without their sign compare like integers, with Inf and NaN above the rest */
    for (int64_t i = 0; i < k; i++) {
        int32_t magnitude = bits_of(x[i]) & MAGNITUDE;
        largest = magnitude > largest ? magnitude : largest;
    }
    if (largest >= INFINITY_BITS) {
        memset(q, 0, (size_t)kp);
        *step = NAN;
        *sum = 0;
        return;
    }
    union {
        int32_t i;
        float f;
    } absmax = {.i = largest};
    float a = absmax.f > TERNARY_FLOOR ? absmax.f : TERNARY_FLOOR;
    float scale = 127.0f / a;
    int32_t total = 0;
    for (int64_t i = 0; i < k; i++) {
        float rounded = x[i] * scale + ROUNDER;
        int32_t code = bits_of(rounded) - ROUNDER_BITS;
        q[i] = (int8_t)code;
        total += code;
    }
    memset(q + k, 0, (size_t)(kp - k));
    *step = a / 127.0f;
    *sum = total;
}

static void NAME(finish)(const int32_t *restrict dots, int32_t sum, float scale, const float *bias, const float *residual, int64_t count,
                         float *y) {
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
        for (int64_t i = 0; residual != NULL && i < length; i++) {
            strip[i] += residual[start + i];
        }
        memcpy(y + start, strip, (size_t)length * sizeof *y);
    }
}

const ternary_rows_kernels NAME(ternary_rows) = {
    .sum_abs = NAME(sum_abs), .codes = NAME(codes), .pack_block = NAME(pack_block), .quantize_row = NAME(quantize_row), .finish = NAME(finish)};
