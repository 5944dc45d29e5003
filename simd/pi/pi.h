/* Pi formats, internal contract: what a tier computes. Formulas and orders: setun/pi.h. */
#ifndef SETUN_SIMD_PI_H
#define SETUN_SIMD_PI_H

#include "setun/pi.h"

enum { PI_BLOCK = SETUN_PI_BLOCK, PI_MOST_LEVELS = 8 };

/* The levels of a call: half of them are below zero, or below the uniform zero. */
typedef struct pi_grid {
    int bits, half; /* half = 2^(bits-1) */
    int uniform;
    float magnitude[PI_MOST_LEVELS / 2]; /* symmetric; with two bits the upper two repeat the second */
    float level[PI_MOST_LEVELS];         /* by code; with two bits repeated, so that a third bit of a code does not matter */
} pi_grid;

typedef struct pi_scaling {
    setun_pi_base base;
    int count, both_signs;
    const float *factors;
} pi_scaling;

typedef struct setun_pi_kernels {
    /* count > 0 blocks of one row; x, importance (or NULL): 256 values of each. */
    void (*quantize)(const float *x, const float *importance, const pi_grid *grid, const pi_scaling *scaling, int64_t count,
                     uint8_t *blocks);
    /* y: 256 values; streamed: with stores that bypass the caches where the tier has them and y is aligned to a vector. */
    void (*dequantize)(const uint8_t *block, const pi_grid *grid, float *y, int streamed);
} setun_pi_kernels;

const setun_pi_kernels *setun_pi_select(setun_isa isa);

/* The f16 step behind the codes, little-endian whatever the machine. */
static inline uint16_t pi_step_bits(const uint8_t *block, int bits) {
    const uint8_t *at = block + PI_BLOCK * bits / 8;
    return (uint16_t)(at[0] | at[1] << 8);
}

#endif
