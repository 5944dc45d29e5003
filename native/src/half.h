/* IEEE half precision in plain C. */
#ifndef SETUN_HALF_H
#define SETUN_HALF_H

#include <stdint.h>
#include <string.h>

/* To nearest, ties to even; a value beyond the range becomes Inf, NaN stays a (quiet) NaN. */
static inline uint16_t setun_half_from_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    uint32_t magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) {
        return (uint16_t)(sign | 0x7E00 | (magnitude >> 13 & 0x3FF));
    }
    if (magnitude >= 0x47800000) { /* 2^16 */
        return sign | 0x7C00;
    }
    if (magnitude < 0x38800000) { /* below 2^-14: adding 2^-1 * ulp scale rounds to a multiple of 2^-24 */
        float positive, rounded;
        memcpy(&positive, &magnitude, sizeof positive);
        rounded = positive + 0.5f;
        memcpy(&bits, &rounded, sizeof bits);
        return (uint16_t)(sign | (bits - 0x3F000000));
    }
    uint32_t odd = magnitude >> 13 & 1;
    return (uint16_t)(sign | (magnitude - 0x38000000 + 0xFFF + odd) >> 13);
}

static inline float setun_half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 0x1F, fraction = half & 0x3FF;
    uint32_t bits;
    float value;
    if (exponent == 0) { /* zero and subnormals: fraction * 2^-24 */
        value = (float)fraction * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    } else {
        bits = sign | (exponent == 31 ? 0x7F800000 : (exponent + 112) << 23) | fraction << 13;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
