/* Optimizer kernels. Scalars that depend on tensors stay in tensors. */
#ifndef SETUN_OPTIM_H
#define SETUN_OPTIM_H

#include "setun/context.h"

/* *out = sum of x[i] (fp32 lanes, fp64 tree, docs/numerics.md) */
SETUN_API setun_status setun_sum(setun_context *context, const float *x, int64_t count, double *out);
/* *out = sum of x[i]^2, products and sums in fp64 lanes. */
SETUN_API setun_status setun_sum_squares(setun_context *context, const float *x, int64_t count, double *out);
/* norm = sqrt(sum of sums[0..count)); out[0] = norm, out[1] = clip factor = min(1, max_norm/norm) (1 if max_norm <= 0);
 * a norm that is not finite gives factor 0 and out[0] = that norm. */
SETUN_API setun_status setun_clip_factor(setun_context *context, const double *sums, int64_t count, float max_norm, float *out);

typedef struct setun_adamw_args {
    uint64_t size;
    int64_t count;
    float *w;
    const float *g;
    float *m, *v;
    float lr, beta1, beta2, eps, weight_decay;
    float bias1, bias2;       /* 1 - beta1^t, 1 - beta2^t */
    int32_t reserved;
    const float *grad_factor; /* one value that multiplies g (the clip factor), or NULL for 1; a factor of 0 skips the update */
} setun_adamw_args;
/* m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*g*g; w -= lr * (m/bias1 / (sqrt(v/bias2) + eps) + weight_decay*w)   (arXiv 1711.05101) */
SETUN_API setun_status setun_adamw(setun_context *context, const setun_adamw_args *args);

#endif
