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

enum { SETUN_ADAMW8_BLOCK = 256 }; /* values that share a scale */

typedef struct setun_adamw8_args {
    uint64_t size;
    int64_t count;
    float *w;
    const float *g;
    int8_t *m;                /* [count] codes of the signed map */
    uint8_t *v;               /* [count] codes of the unsigned map */
    float *m_scale, *v_scale; /* [ceil(count / 256)] */
    float lr, beta1, beta2, eps, weight_decay;
    float bias1, bias2;       /* 1 - beta1^t, 1 - beta2^t; > 0 */
    const float *grad_factor; /* as of AdamW */
} setun_adamw8_args;
/* AdamW with moments of 8 bits (arXiv 2110.02861): of each block of 256 values, codes of a dynamic map and the largest magnitude as scale;
 * all zeros is a moment of 0. Each operation is one IEEE single operation:
 *     g  = g * factor
 *     m  = M(m, beta1*m_scale) + (1 - beta1)*g                      levels of the codes, with that scale
 *     v  = V(v, beta2*v_scale) + ((1 - beta2)*g)*g
 *     w  = w*(1 - lr*weight_decay) - (m*rate) / (sqrt(v) + eps*root)      root = sqrt(bias2), rate = (lr*root)/bias1
 *     scale = largest |x| of the block; code = that of x * (1/scale)        x = m, v
 * A largest magnitude below 2^-126 makes the block 0; one that is not finite makes it NaN (scale NaN, codes 0).
 *
 * The maps hold 0, 1 and, in seven decades d = 0 .. 6 of values from 10^(d-7) to 10^(d-6), n = 2^d (signed) or 2^(d+1) (unsigned) levels of
 * equal distance: of code q in [n, 2n), 10^(d-6) * (0.1 + 0.9*(q - n + 1/2)/n), computed as (A*scale)*q + B*scale with
 * fp32 A = 0.9*10^(d-6)/n and B = 10^(d-6)*(0.1 - 0.9 + 0.45/n). Signed codes -127 .. -1 are the negatives; 1 has the code -128 (signed), 1 (unsigned). A value gets the
 * nearest level; but in the unsigned map one above 0 never gets 0, as m / sqrt(v) could then be anything. In fp32: d counts the thresholds
 * that the magnitude a reaches, half-way between decades (and half the least level, or the least float); q = max(n, trunc(min(a*P + Q,
 * 2n - 1/2))), P = n/(0.9*10^(d-6)), Q = n*8/9. */
SETUN_API setun_status setun_adamw8(setun_context *context, const setun_adamw8_args *args);

enum { SETUN_CODE_FREE = -128 }; /* in `frozen`: a weight that is not */

typedef struct setun_track_codes_args {
    uint64_t size;
    int64_t count;
    const int8_t *codes;          /* of the present weights */
    int8_t *previous, *direction; /* [count] codes before; sign of each weight's last change of code, 0 before the first */
    float *oscillation, *average; /* [count] moving averages of oscillations and of codes; both or neither NULL */
    int8_t *frozen;               /* [count] codes of frozen weights, SETUN_CODE_FREE of others; NULL: none freezes; needs the averages */
    float momentum, threshold;    /* of the averages; of an oscillation that freezes */
    double *counts;               /* [3]: changes of codes, oscillations, frozen weights */
} setun_track_codes_args;
/* What the codes of a weight do over the steps (arXiv 2203.11086). d = sign(code - previous); a change against the last direction is an
 * oscillation o = 1:
 *     oscillation = oscillation + momentum*(o - oscillation)
 *     average     = average + momentum*(code - average)
 * A weight whose oscillation is above threshold > 0 freezes at the integer nearest to its average, at least -127. Exact; all bits. */
SETUN_API setun_status setun_track_codes(setun_context *context, const setun_track_codes_args *args);

typedef struct setun_constrain_weights_args {
    uint64_t size;
    int64_t groups, group; /* w is [groups][group], with a scale for each group */
    float *w;
    const float *scales;
    const int8_t *frozen;   /* [groups*group] as of setun_track_codes, or NULL */
    float limit;            /* in scales; 0: none */
    float shift, divisions; /* of the levels: a code stands for (code + shift) * (1/divisions) scales */
    double *counts;         /* [2]: weights that were cut to the limit; weights that were not finite */
} setun_constrain_weights_args;
/* Holds latent weights where quantization can use them: frozen ones at ((code + shift) * (1/divisions)) * scale, others in +-limit*scale
 * where the scale is above 0. NaN stays. All bits. */
SETUN_API setun_status setun_constrain_weights(setun_context *context, const setun_constrain_weights_args *args);

typedef struct setun_adafactor_args {
    uint64_t size;
    int64_t rows, columns; /* of w, dense; a vector is one row */
    float *w;
    const float *g;
    float *row, *column; /* [rows], [columns]: the second moments, 0 at first */
    float lr, beta2;     /* beta2 of this step: 1 - t^-0.8 */
    float eps, clip;     /* > 0: added to squares; largest root mean square of a step */
    float weight_decay;
    const float *grad_factor; /* as of AdamW */
} setun_adafactor_args;
/* Adafactor (arXiv 1804.04235) without first moment and with a given learning rate. Sums of squares are those of setun_sum_squares for each row; for
 * each column in fp64 in the order of rows, by chunks of 64 rows whose sums are added in order. fp32 but for `mean`, `total`, rms:
 *     row[i]    = beta2*row[i] + (1 - beta2)*((float)(squares * factor^2 / columns) + eps)       column[j] alike
 *     a[i]      = (float)sqrt(mean / row[i])      mean = (row[0] + row[1] + ...) / rows, in fp64
 *     b[j]      = (float)(1 / sqrt(column[j]))
 *     u         = ((g*factor)*a[i])*b[j]
 *     s         = rms > clip ? (float)(clip / rms) : 1     rms^2 = (sums of u^2 of the rows, added in order) / (rows * columns)
 *     w         = w - lr * (s*u + weight_decay*w)
 * Three passes over g, one over w. w, g, row and column must not overlap. */
SETUN_API setun_status setun_adafactor(setun_context *context, const setun_adafactor_args *args);

#endif
