/* Fake quantization: what training puts in the place of a value, and the gradient that an estimator passes back for it.
 *
 * Values come in groups that share a scale s > 0 and an offset b (0 without one). In units of the scale, z = (v - b) / s. Levels lie at equal
 * distances: code q in [lowest, highest] stands for (q + shift) / divisions, and u = z * divisions - shift is z in codes. The nearest code, ties
 * to even, is q = round(min(highest, max(lowest, u))). In place of v stands v^ = s f + b, where f is the level of q, or a smooth function
 * of z if the estimator is smooth and `hard` is 0.
 *
 * Backward: the gradient g of v^ becomes dv = g D, and the scale's is sum g (f - z M), the quotient rule for s f(v / s); the offset's is sum g (1 - M).
 * M is 1 where the value counts as inside (see `limit`), else 0; smooth estimators have M = D.
 *
 *   IDENTITY        D = 1, M = 1                                     straight-through (arXiv 1308.3432)
 *   CLIPPED         D = M, lowest <= u <= highest                    arXiv 1602.02830
 *   CLIPPED_VALUE   D = M, |v - b| <= limit                          the same with a fixed bound
 *   LSQ             D = M, lowest < u < highest                      arXiv 1902.08153; with an offset LSQ+, arXiv 2004.09576; with
 *                                                                    limit = 0.99 and stretched levels SEQ of ParetoQ, arXiv 2502.02631
 *   PACT            D = M as LSQ, and the scale's term is g f outside, 0 inside: the gradient of the clipping value, arXiv 1805.06085
 *   EWGS            D = M (1 + p0 sign(g) e), e = (z - f) * divisions  arXiv 2104.00903; M as CLIPPED
 *   EWGS_ABSOLUTE   D = 1 + p0 |e|, M as CLIPPED                     a form in use that ignores the direction
 *   RESTE           D = |z|^(1/p0 - 1) / p0 for p1 < |z| <= limit, p1^(1/p0 - 1) for |z| <= p1 (the chord's slope), else 0; M = [|z| <= limit];
 *                                                                    arXiv 2308.06689, p0 >= 1; for two levels
 *   LEVEL_FACTORS   D = M factors[q - lowest], M as CLIPPED
 *   STAIRCASE       f = lowest + sum over k of sigmoid((u - k - 1/2) / p0), k = lowest .. highest - 1: p0 is a temperature in steps
 *   DSQ             between two levels, f = q' + (1 + tanh(k x) / tanh(k / 2)) / 2 with x = u - q' - 1/2 and tanh(k / 2) = 1 - p0; arXiv 1908.05033
 *   GUMBEL          f = sum q p_q, p = softmax((-(u - q)^2 / (2 p1) + G_q) / p0), G_q of the Gumbel distribution; arXiv 1611.01144. `hard`: the
 *                   likeliest q
 *
 * What stands for v may also be mixed: v^ = v + mix (v^ - v), with the gradients in the same proportion; a share of the blocks of `block`
 * values is quantized, the others pass (Quant-Noise, arXiv 2004.07320); and noise * s / divisions * (U - 1/2) may be added. U and G come from a
 * hash of the seed, the group and the index: the same on every machine and at every thread count.
 *
 * Bits: every operation is one IEEE operation in a fixed order, so outputs are bit-equal on every tier, and to Java's reference; sums run in the
 * order of setun/optim.h, in fp64 lanes. A NaN stays a NaN, gets the code nearest to 0 and D = M = 0, and reaches the sums. */
#ifndef SETUN_FAKEQUANT_H
#define SETUN_FAKEQUANT_H

#include "setun/context.h"

typedef enum setun_estimator {
    SETUN_ESTIMATOR_IDENTITY = 0,
    SETUN_ESTIMATOR_CLIPPED = 1,
    SETUN_ESTIMATOR_CLIPPED_VALUE = 2,
    SETUN_ESTIMATOR_LSQ = 3,
    SETUN_ESTIMATOR_PACT = 4,
    SETUN_ESTIMATOR_EWGS = 5,
    SETUN_ESTIMATOR_EWGS_ABSOLUTE = 6,
    SETUN_ESTIMATOR_RESTE = 7,
    SETUN_ESTIMATOR_LEVEL_FACTORS = 8,
    SETUN_ESTIMATOR_STAIRCASE = 9,
    SETUN_ESTIMATOR_DSQ = 10,
    SETUN_ESTIMATOR_GUMBEL = 11
} setun_estimator;

typedef struct setun_fakequant_args {
    uint64_t size;
    int64_t groups, group; /* values [groups][group], group < 2^31 */
    int32_t estimator;     /* setun_estimator */
    int32_t hard;          /* of a smooth estimator: 1 puts the nearest level in v's place and keeps the smooth gradient */
    int32_t lowest, highest; /* -128 <= lowest < highest <= 127; at most 16 levels if the estimator is smooth */
    float shift, divisions;  /* divisions > 0 */
    float limit;             /* > 0: inside is |z| <= limit (|v - b| of CLIPPED_VALUE); 0: between the outermost levels */
    float p0, p1;
    float mix;      /* 0 to 1; 1: quantized */
    float noise;    /* >= 0, in steps */
    float fraction; /* of blocks that are quantized, 0 to 1 */
    int32_t block;  /* a multiple of 16, if fraction < 1 */
    float least;    /* > 0: a smaller scale counts as this */
    uint64_t seed;
    const float *v;       /* [groups][group] */
    const float *scale;   /* [groups] */
    const float *offset;  /* [groups], or NULL for 0 */
    const float *factors; /* [highest - lowest + 1] for LEVEL_FACTORS, else NULL */
    /* Forward */
    float *value;  /* [groups][group] v^, may be v; or NULL */
    int8_t *code;  /* [groups][group] q, or NULL */
    double *sums;  /* [groups][4]: sum v^2, sum (v^ - v)^2, sum v v^, max |v^ - v|; or NULL */
    /* Backward */
    const float *g; /* [groups][group] */
    float *dv;      /* [groups][group], may be g; or NULL */
    float *dscale;  /* [groups] += scale_factor * (the scale's gradient), or NULL */
    float *doffset; /* [groups] += scale_factor * (the offset's gradient), or NULL */
    float scale_factor;
    int32_t reserved;
} setun_fakequant_args;
SETUN_API setun_status setun_fakequant_forward(setun_context *context, const setun_fakequant_args *args);
SETUN_API setun_status setun_fakequant_backward(setun_context *context, const setun_fakequant_args *args);

#endif
