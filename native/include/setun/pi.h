/* Pi formats: weights in blocks of 256 codes of 2 or 3 bits and one f16 step, value = level(code) * step. Byte layout: docs/formats.md.
 *
 * Levels are uniform, the integers -2^(bits-1) .. 2^(bits-1)-1 (magnitudes = 0), or symmetric: plus and minus 2^(bits-1) magnitudes
 * (byte i of `magnitudes` is number i; they rise, from at least 1 to at most 127). Levels rise with the code.
 *
 * Bits: every operation is one IEEE single operation (double where said) in the order below, so that codes, steps and values are
 * bit-equal on every tier, at every thread count, and to Java's reference. */
#ifndef SETUN_PI_H
#define SETUN_PI_H

#include "setun/context.h"

#define SETUN_PI_BLOCK 256
#define SETUN_PI_MOST_FACTORS 64

/* Bytes of a block: 66 or 98. */
#define SETUN_PI_BLOCK_BYTES(bits) (SETUN_PI_BLOCK * (bits) / 8 + 2)

typedef int32_t setun_pi_base;
enum {
    SETUN_PI_ABSMAX = 0, /* max|x| of the block */
    SETUN_PI_RMS = 1     /* (float)sqrt(sum x^2 / 256); squares and lanes (docs/numerics.md) in double */
};

typedef struct setun_pi_quantize_args {
    uint64_t size;
    int64_t n, k;       /* rows of k values, k a multiple of 256 */
    const float *x;     /* [n][ldx] */
    int64_t ldx;        /* >= k */
    int32_t bits;       /* 2 or 3 */
    uint32_t magnitudes;
    setun_pi_base base;
    int32_t count;        /* of factors, 1 .. 64 */
    const float *factors; /* [count], > 0, finite */
    int32_t both_signs;   /* 1: each candidate is tried with either sign, + first */
    int32_t reserved;
    const float *importance;   /* of square errors, >= 0: [k] for all rows, or [n] rows importance_stride apart; NULL: 1 */
    int64_t importance_stride; /* 0, or >= k */
    uint8_t *blocks;           /* [n][k/256] blocks of SETUN_PI_BLOCK_BYTES(bits) */
} setun_pi_quantize_args;
/* Quantizes to nearest. Candidates for the step s of a block are base * factors[c] rounded to f16 (nearest, ties to even); those that
 * become 0 or infinite are left out. One candidate alone is taken. Of several, the one with the least E * (s * s), the first of equals,
 * where z = x * (1 / s) and E is the sum of d * d (times the importance): lane j of 16 adds the values i with i % 16 == j, rising; then
 * lane[j] += lane[j + h] for h = 8, 4, 2, 1. Uniform: d = z - rint(z) with the rounded value clamped to the levels. Symmetric: d is the
 * least | |z| - magnitude |. If none is better than infinity, the first candidate.
 *
 * Codes: rint(z) (ties to even) clamped to the levels; of symmetric levels the magnitude i with i = number of midpoints of neighbours that
 * |z| exceeds (ties towards zero), negative if z < 0. A block whose candidates all vanish gets step 0 and the code of +0 throughout; one
 * that holds NaN or Inf, or whose first candidate is beyond f16 and no other is not, gets that code and the step NaN. */
SETUN_API setun_status setun_pi_quantize(setun_context *context, const setun_pi_quantize_args *args);

typedef struct setun_pi_dequantize_args {
    uint64_t size;
    int64_t n, k;          /* rows of k values, k a multiple of 256 */
    int32_t bits;          /* 2 or 3 */
    uint32_t magnitudes;
    const uint8_t *blocks; /* [n][k/256] */
    float *y;              /* [n][ldy] = (float)level * step: exact but for one rounding */
    int64_t ldy;           /* >= k; values between rows are not written */
} setun_pi_dequantize_args;
/* Any bytes decode; a NaN step gives NaN. */
SETUN_API setun_status setun_pi_dequantize(setun_context *context, const setun_pi_dequantize_args *args);

#endif
