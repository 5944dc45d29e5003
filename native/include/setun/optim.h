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
    int32_t coupled;          /* 0: AdamW; 1: Adam, where the decay is part of the gradient */
    const float *grad_factor; /* one value that multiplies g (the clip factor), or NULL for 1; a factor of 0 skips the update */
    float *direction;         /* NULL, or [count]: r goes there and w stays, for methods that scale r by its norm (LAMB) */
} setun_adamw_args;
/* AdamW (arXiv 1711.05101), or Adam (arXiv 1412.6980) with an L2 penalty. Each operation is one IEEE single operation, in exactly this order:
 *     g' = g * factor                                   coupled: g' = g * factor + weight_decay*w
 *     m  = beta1*m + (1 - beta1)*g'
 *     v  = beta2*v + ((1 - beta2)*g')*g'
 *     r  = (m/bias1) / (sqrt(v/bias2) + eps) + weight_decay*w      coupled: without the last term
 *     w  = w - lr * r
 * w, g, m, v and direction must not overlap, except that direction may be g. */
SETUN_API setun_status setun_adamw(setun_context *context, const setun_adamw_args *args);

typedef struct setun_sgd_args {
    uint64_t size;
    int64_t count;
    float *w;
    const float *g;
    float *m; /* the velocity, or NULL without momentum */
    float lr, momentum, weight_decay;
    int32_t nesterov;
    const float *grad_factor; /* as of AdamW */
} setun_sgd_args;
/* Stochastic gradient descent. Each operation is one IEEE single operation:
 *     g' = g * factor + weight_decay*w
 *     m  = momentum*m + g'
 *     w  = w - lr * (nesterov ? g' + momentum*m : m)    without m: w - lr * g' */
SETUN_API setun_status setun_sgd(setun_context *context, const setun_sgd_args *args);

typedef struct setun_lion_args {
    uint64_t size;
    int64_t count;
    float *w;
    const float *g;
    float *m;
    float lr, beta1, beta2, weight_decay;
    const float *grad_factor; /* as of AdamW */
} setun_lion_args;
/* Lion (arXiv 2302.06675). Each operation is one IEEE single operation:
 *     g' = g * factor
 *     c  = beta1*m + (1 - beta1)*g'
 *     w  = w - lr * (sign(c) + weight_decay*w)          sign(0) = 0, sign(NaN) = NaN
 *     m  = beta2*m + (1 - beta2)*g' */
SETUN_API setun_status setun_lion(setun_context *context, const setun_lion_args *args);

#endif
