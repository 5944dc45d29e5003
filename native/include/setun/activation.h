/* The activations between two products of a network, in one pass: a row is added, normalized or gated, and rounded to int8 while it lies
 * in the cache. The formulas are those of setun/nn.h (RMSNorm, arXiv 1910.07467; gated units) and of setun_quantize_rows
 * (setun/ternary.h); each call gives the bits of the single functions called one after another.
 *
 * Bits: every operation is one IEEE operation in a fixed order (docs/numerics.md), so all outputs are bit-equal on every tier, and to
 * Java's reference. Against exact arithmetic, with u = 2^-24: rstd errs by 2 u, a normalized value by 4 u, a SiLU-gated value by 12 u and a
 * squared-ReLU one by 3 u, relatively; a value that was gated and then normalized by the sum of both and 2 u more. Rounding to int8
 * then errs by step/2.
 *
 * A row whose fp32 values hold NaN or Inf gets codes 0, sum 0 and step NaN. Rows are independent: one row's NaN reaches no other.
 * Outputs must not overlap inputs or each other except where a comment allows it. */
#ifndef SETUN_ACTIVATION_H
#define SETUN_ACTIVATION_H

#include "setun/context.h"

typedef struct setun_rmsnorm_quantize_args {
    uint64_t size;
    int64_t n, d;          /* rows of d values, 1 <= d <= 16,000,000 */
    const float *x;        /* [n][d] */
    const float *residual; /* [n][d]: h = x + residual; NULL: h = x */
    const float *w;        /* [d] */
    float eps;             /* >= 0 */
    int32_t reserved;
    float *h;     /* [n][d] h, or NULL; may be x or residual itself. Only with a residual */
    float *y;     /* [n][d] (h * w) * rstd, or NULL */
    float *rstd;  /* [n] 1/sqrt(mean(h^2) + eps), or NULL */
    int8_t *q;    /* [n][ldq] codes of (h * w) * rstd, ldq >= d rounded up to 256; the padding up to there is written as 0 */
    int64_t ldq;
    float *step;  /* [n] */
    int32_t *sum; /* [n] */
} setun_rmsnorm_quantize_args;
SETUN_API setun_status setun_rmsnorm_quantize(setun_context *context, const setun_rmsnorm_quantize_args *args);

typedef struct setun_glu_quantize_args {
    uint64_t size;
    int64_t n, d;           /* rows of d values, d <= 16,000,000 */
    const float *gate, *up; /* [n][d] */
    int32_t kind;           /* SETUN_GLU_SILU or SETUN_GLU_RELU2 of setun/nn.h: a = act(gate) * up */
    float eps;              /* of the sub-norm, >= 0 */
    const float *w;         /* [d] gain of the sub-norm (BitNet b1.58 2B4T's ffn_sub_norm), (a * w) * rstd; NULL: a stays. d >= 1 with it */
    float *y;               /* [n][d] the values that are rounded, or NULL; may be gate or up itself */
    int8_t *q;              /* [n][ldq], as above */
    int64_t ldq;
    float *step;  /* [n] */
    int32_t *sum; /* [n] */
} setun_glu_quantize_args;
SETUN_API setun_status setun_glu_quantize(setun_context *context, const setun_glu_quantize_args *args);

#endif
