/* Network kernels in fp32, forward and backward. Matrices are row-major and contiguous unless a leading dimension is given.
 * Backward functions ADD into parameter gradients (dw, dtable, dbias) and WRITE activation gradients (dx, ...), except where an
 * `accumulate` flag says otherwise. Reductions run in fixed chunks: the same bits at any thread count; bits differ between tiers
 * except where a comment says "exact". Outputs must not overlap inputs except where a comment allows it.
 *
 * Error bounds use u = 2^-24 and hold on every tier, against exact arithmetic on the same inputs; e^x is within 2 ulp (+inf, -inf and
 * NaN give +inf, 0 and NaN; denormal results are kept). NaN and Inf in an input come out as NaN or Inf, never as plausible numbers. */
#ifndef SETUN_NN_H
#define SETUN_NN_H

#include "setun/context.h"

/* y[i] = table[ids[i]]; ids in [0, vocab) (checked). Exact. */
SETUN_API setun_status setun_embedding_forward(setun_context *context, const int32_t *ids, int64_t n, const float *table,
                                               int64_t vocab, int64_t d, float *y);
/* dtable[ids[i]] += dy[i], in the order of i. Exact. */
SETUN_API setun_status setun_embedding_backward(setun_context *context, const int32_t *ids, int64_t n, const float *dy,
                                                int64_t vocab, int64_t d, float *dtable);

/* y and rstd: exact, in the fixed order of docs/numerics.md; relative error 4 u and 2 u while x * w is a normal number. The mean of
 * squares does not overflow, as large as x may be. Error of dx: (d/4 + 24) u times the sum of its terms' sizes; of dw:
 * (n/8 + d/16 + 80) u times the same. */
typedef struct setun_rmsnorm_args {
    uint64_t size;
    int64_t n, d;
    const float *x;  /* [n][d] */
    const float *w;  /* [d] */
    float eps;
    int32_t accumulate; /* backward: 1 adds into dx */
    float *y;           /* forward: [n][d] = (x * w) * rstd; may be x itself */
    float *rstd;        /* [n]: written by forward (may be NULL), read by backward */
    const float *dy;    /* backward */
    float *dx;          /* backward: [n][d] */
    float *dw;          /* backward: [d], added; may be NULL */
} setun_rmsnorm_args;
SETUN_API setun_status setun_rmsnorm_forward(setun_context *context, const setun_rmsnorm_args *args);
SETUN_API setun_status setun_rmsnorm_backward(setun_context *context, const setun_rmsnorm_args *args);

/* Angles, sines and cosines are fp64, rounded once: error 4 u (|a| + |b|) for a pair (a, b), at any position. An odd last value of a
 * head is left alone. */
enum { SETUN_ROPE_INTERLEAVED = 0, SETUN_ROPE_HALVES = 1 };
typedef struct setun_rope_args {
    uint64_t size;
    float *x; /* [n][ldx]: heads*head_dim values of each row are rotated in place */
    int64_t n, heads, head_dim, ldx;
    const int32_t *positions; /* [n], >= 0 */
    float theta;              /* base, 10000 or 500000 */
    int32_t convention;       /* pairs (2i, 2i+1), or (i, i + head_dim/2) */
    int32_t inverse;          /* 1: rotates back (the backward pass) */
    int32_t reserved;
} setun_rope_args;
SETUN_API setun_status setun_rope(setun_context *context, const setun_rope_args *args);

enum { SETUN_PRECISION_F32 = 0, SETUN_PRECISION_BF16 = 1 };
typedef struct setun_attention_args {
    uint64_t size;
    int64_t batch, t, s;               /* t queries attend to s keys each; query i sees keys 0 .. i + s - t (causal); s >= t */
    int64_t heads, kv_heads, head_dim; /* heads % kv_heads == 0; kv head of head h is h / (heads / kv_heads) */
    float scale;                       /* usually 1/sqrt(head_dim) */
    int32_t precision;                 /* SETUN_PRECISION_F32 or SETUN_PRECISION_BF16 */
    const float *q; /* [batch][t][ldq]: head h at h*head_dim */
    int64_t ldq;
    const float *k, *v; /* [batch][s][ldkv] */
    int64_t ldkv;
    int64_t kv_batch_stride; /* values from one batch item's keys to the next; 0: s*ldkv */
    float *out;              /* [batch][t][heads*head_dim] */
    float *lse;              /* [batch][heads][t] log-sum-exp: written by forward (may be NULL), read by backward */
    const float *dout;       /* backward, like out */
    float *dq;               /* backward: [batch][t][ldq], written */
    float *dk, *dv;          /* backward: laid out as k and v, written */
} setun_attention_args;
/* SETUN_PRECISION_F32. No t*s matrix is stored: scores live in blocks. lse: error e = (head_dim + 4) u * scale * sum|q k| + (s/16 + 16) u;
 * out: 2 e times the largest |v|; gradients: about 8 e times the sum of their terms' sizes. A NaN or Inf in a value row may also reach
 * earlier queries of its block.
 *
 * SETUN_PRECISION_BF16, with r = 2^-8: scale * q, k, v, dout, the weights p and their gradients ds are rounded to bf16 where a product
 * reads them; everything else is fp32 as above, e^x within 2^-18. A score errs by E = (2.01 r + (head_dim + 6) u) * scale * sum|q k|, so
 * lse: E + e; a weight, relatively, by w = exp(2 E) - 1 + 2^-17 + e; out: (w + 2.01 r (1 + w)) * sum(p |v|); gradients: docs/numerics.md.
 * Operands, products and sums below 2^-126 may count as 0. Backward multiplies masked weights (0) too: a NaN or Inf in a row of q, k or
 * dout may also reach the gradients of other rows of its blocks. Forward computes fewer than 4 queries (decoding) in fp32. The memory it
 * takes besides: forward one bf16 copy of k and v; backward four of q, and up to four of q in fp32 (twice the bf16 copies on tiers that
 * cannot multiply bf16). */
SETUN_API setun_status setun_attention_forward(setun_context *context, const setun_attention_args *args);
SETUN_API setun_status setun_attention_backward(setun_context *context, const setun_attention_args *args);

/* Forward: exact, in the fixed order of docs/numerics.md; relative error 12 u. Backward: 16 u, of dgate for silu relative to
 * sigmoid(g) * (1 + |g|) * |up dy|. */
enum { SETUN_GLU_SILU = 0, SETUN_GLU_RELU2 = 1 };
typedef struct setun_glu_args {
    uint64_t size;
    int64_t n, d;
    int32_t kind;
    int32_t reserved;
    const float *gate, *up; /* [n][d] */
    float *y;               /* forward: act(gate) * up; may be gate or up itself */
    const float *dy;        /* backward */
    float *dgate, *dup;     /* backward, written */
} setun_glu_args;
SETUN_API setun_status setun_glu_forward(setun_context *context, const setun_glu_args *args);
SETUN_API setun_status setun_glu_backward(setun_context *context, const setun_glu_args *args);

/* y = max(x, 0) (NaN stays NaN); dx = x > 0 ? dy : 0. Exact. y may be x, dx may be dy. */
SETUN_API setun_status setun_relu_forward(setun_context *context, const float *x, int64_t count, float *y);
SETUN_API setun_status setun_relu_backward(setun_context *context, const float *x, const float *dy, int64_t count, float *dx);

/* y = a*x + b*y; b == 0 writes without reading y. (copy, add, scale) Exact: two roundings of products, one of the sum. y may be x. */
SETUN_API setun_status setun_axpby(setun_context *context, float a, const float *x, float b, float *y, int64_t count);
SETUN_API setun_status setun_fill(setun_context *context, float *x, int64_t count, float value);
/* y[n][d] += bias[d] (exact);  dbias[d] += column sums of dy: error (n/8 + 80) u * sum|dy|. */
SETUN_API setun_status setun_bias_forward(setun_context *context, const float *bias, int64_t n, int64_t d, float *y);
SETUN_API setun_status setun_bias_backward(setun_context *context, const float *dy, int64_t n, int64_t d, float *dbias);

/* Softmax cross-entropy against targets that are smoothed (Szegedy et al., arXiv 1512.00567): with s = label_smoothing the target
 * distribution is q = (1 - s) onehot + s / vocab, and
 *   loss    = logsumexp(row) - (1 - s) row[target] - s mean(row)
 *   dlogits = (softmax - q) * grad_scale
 * Error of a loss: (vocab/16 + 100) u (1 + s * mean(highest - row)) + 2 u * (highest logit - target's); of a gradient: (vocab/16 + 100) u *
 * softmax * grad_scale, 2 u * grad_scale at the target, and 2 u * s / vocab * grad_scale. s = 0 has the bits of no smoothing. */
typedef struct setun_cross_entropy_args {
    uint64_t size;
    int64_t n, vocab;
    const float *logits;    /* [n][vocab] */
    const int32_t *targets; /* [n] in [0, vocab), or -1: the row is ignored (loss 0, gradient 0) */
    float *loss;            /* [n] */
    float *dlogits;         /* [n][vocab], or NULL; may be logits itself */
    float grad_scale;
    float label_smoothing; /* in [0, 1] */
} setun_cross_entropy_args;
SETUN_API setun_status setun_cross_entropy(setun_context *context, const setun_cross_entropy_args *args);

/* Distance of two softmax distributions at a temperature (Hinton et al., arXiv 1503.02531), and its gradient. Per row, with
 * p = softmax(teacher / t) and q = softmax(student / t), and the distance D of natural logarithms,
 *   SETUN_DIVERGENCE_FORWARD   D = sum p log(p / q)                           KL(teacher || student)
 *   SETUN_DIVERGENCE_REVERSE   D = sum q log(q / p)                           KL(student || teacher)
 *   SETUN_DIVERGENCE_JENSEN    D = (KL(p || m) + KL(q || m)) / 2, m = (p + q) / 2
 *   loss     = weight * t^2 * D, exactly 0 for identical rows
 *   dstudent = weight * grad_scale * t^2 * dD / dstudent; FORWARD: weight * grad_scale * t * (q - p)
 * Terms with p = 0 (REVERSE: q = 0) count as 0. A row of weight 0 is not read: loss and gradient 0.
 *
 * Errors, with C = (vocab/16 + 100) u and M = sum P (|log p| + |log q|), P = p, q, (p + q) / 2: of a loss weight t^2 C (1 + M); of a gradient,
 * as a multiple of weight * grad_scale * t: FORWARD C (q (1 + |log q|) + p (1 + |log p|)), the others
 * C q ((1 + |log q|) (1 + |a| + |K|) + |log p| + M) with a = log(q / p) or log(q / m) / 2, and K = sum q a. */
enum { SETUN_DIVERGENCE_FORWARD = 0, SETUN_DIVERGENCE_REVERSE = 1, SETUN_DIVERGENCE_JENSEN = 2 };
typedef struct setun_distill_args {
    uint64_t size;
    int64_t n, vocab;
    int32_t divergence;
    float temperature;    /* t in [2^-20, 2^20] */
    const float *student; /* [n][vocab] logits */
    const float *teacher; /* [n][vocab] logits */
    const float *weights; /* [n] finite, >= 0; NULL: 1 */
    float *loss;          /* [n] */
    float *dstudent;      /* [n][vocab], or NULL */
    float grad_scale;
    int32_t reserved;
} setun_distill_args;
SETUN_API setun_status setun_distill(setun_context *context, const setun_distill_args *args);

#endif
