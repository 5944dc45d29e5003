/* Optimizer kernels. Scalars that depend on tensors stay in tensors. Every function here gives the same bits on every tier, at every
 * thread count, and as the Java reference: the order of operations below is part of the contract, and no operation is fused.
 *
 * Sums. x is cut into chunks of 4096 values; lane j of 16 adds the values x[i] with i % 16 == j of a chunk, in the order of i, from 0.
 * The lanes become doubles and are folded by halves: for h = 8, 4, 2, 1: lane[j] += lane[j + h] for j < h. Chunk sums are then added
 * in adjacent pairs, level by level, (s0 + s1), (s2 + s3), ...; an odd last one moves up as it is. No chunk: 0. */
#ifndef SETUN_OPTIM_H
#define SETUN_OPTIM_H

#include "setun/context.h"

/* *out = sum of x[i]; lanes in fp32: |error| <= 2^-16 * sum|x| (256 additions of fp32 per lane). */
SETUN_API setun_status setun_sum(setun_context *context, const float *x, int64_t count, double *out);
/* *out = sum of x[i]^2; products (exact) and lanes in fp64: relative error <= 300 * 2^-53. */
SETUN_API setun_status setun_sum_squares(setun_context *context, const float *x, int64_t count, double *out);
/* norm = sqrt(sums[0] + sums[1] + ...), added in order, in fp64; out[0] = norm; out[1] = clip factor = max_norm / norm if max_norm > 0
 * and norm > max_norm, else 1. A norm that is not finite gives factor 0. */
SETUN_API setun_status setun_clip_factor(setun_context *context, const double *sums, int64_t count, float max_norm, float *out);

typedef struct setun_adamw_args {
    uint64_t size;
    int64_t count;
    float *w;
    const float *g;
    float *m, *v;
    float lr, beta1, beta2, eps, weight_decay;
    float bias1, bias2;       /* 1 - beta1^t, 1 - beta2^t; > 0 */
    int32_t reserved;
    const float *grad_factor; /* one value that multiplies g (the clip factor), or NULL for 1; a factor of 0 skips the update */
} setun_adamw_args;
/* AdamW (arXiv 1711.05101). Each operation is one IEEE single operation, in exactly this order:
 *     g' = g * factor
 *     m  = beta1*m + (1 - beta1)*g'
 *     v  = beta2*v + ((1 - beta2)*g')*g'
 *     w  = w - lr * ((m/bias1) / (sqrt(v/bias2) + eps) + weight_decay*w)
 * w, g, m, v must not overlap. */
SETUN_API setun_status setun_adamw(setun_context *context, const setun_adamw_args *args);

#endif
