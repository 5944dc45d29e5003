/* Hadamard transforms of rows, normalized so that they are orthogonal: they spread outliers over a row and change no length.
 *
 * The matrix for a length n: H = s * (H_K1 x H_K2 x ... x H_P), the Kronecker product of Paley matrices (orders K, outermost first) and of
 * Sylvester's matrix of order P = 2^m, with s = (float)(1 / sqrt(n)) and entries of +-1. n is a power of two, or has odd factors that
 * Paley orders of at most 256 bring in; where neither holds (11008), H is block-diagonal: as many equal blocks as needed, each of the
 * largest power of two that divides n, and s is that of a block. setun_hadamard_factor tells which. Of several products the one with the
 * least sum of Paley orders is taken, among those with P >= 16 if there are any.
 *
 * Paley matrices are made from the quadratic character chi of GF(q), q a power of an odd prime; nothing is tabulated. Order K with
 * K/2 - 1 = q = 1 mod 4 (Paley II, symmetric): C x [[1,1],[1,-1]] + I x [[1,-1],[-1,-1]] with the conference matrix C = [[0,1],[1,Q]],
 * Q[a][b] = chi(a - b). Else K - 1 = q = 3 mod 4 (Paley I): I + [[0,1],[-1,Q]]. An element of GF(p^e) is numbered by its digits in base
 * p, the constant one last; x^e is the first polynomial, in this numbering, for which x generates all elements but 0.
 *
 * Bits: every operation is one fp32 operation in a fixed order (docs/numerics.md), the same on every tier and in Java. |error| of an output
 * is at most (a + 2) u s sum|x| of its block, with u = 2^-24 and a = m + the sum of (K - 1, or K/2 where Paley II) over the Paley orders:
 * the additions on the way from an input to an output. A NaN or an infinity makes all outputs of its block not finite; rows and blocks are
 * independent.
 *
 * bf16 rows are computed in fp32 and rounded once, to nearest even; NaN is written as 0x7fc0.
 *
 * Any n from 1 to 2^24, any number of rows. Threads: as setun/context.h says; results never depend on their number. */
#ifndef SETUN_HADAMARD_H
#define SETUN_HADAMARD_H

#include "setun/context.h"

#define SETUN_HADAMARD_MAX_N 16777216

/* The generator of random signs: SplitMix64 (Steele, Lea, Flood 2014), as java.util.SplittableRandom of the seed gives its longs. Bit i of
 * the signs is bit i % 64 of word i / 64. Its number is stored in files beside the seed. */
#define SETUN_SIGNS_SPLITMIX64 1

/* Factor `index` of the matrix for n: the Paley orders, outermost first, then the power of two (which may be 1); 0 beyond, and for an n
 * outside 1 .. SETUN_HADAMARD_MAX_N. n divided by the product of the factors is the number of blocks. */
SETUN_API int64_t setun_hadamard_factor(int64_t n, int32_t index);

/* signs: (n + 7) / 8 bytes, bit i % 8 of byte i / 8 is 1 where value i changes its sign; bits from n on are 0. */
SETUN_API setun_status setun_hadamard_signs(setun_context *context, int32_t generator, int64_t seed, int64_t n, uint8_t *signs);

typedef struct setun_hadamard_args {
    uint64_t size;
    int64_t rows, n;
    int32_t type;         /* of x and y: SETUN_F32 or SETUN_BF16 (setun/gemm.h) */
    int32_t inverse;      /* 0: y = H (signs * x); 1: y = signs * (H^T x), which undoes it and is its gradient */
    const void *x;        /* [rows][ldx] */
    int64_t ldx;          /* >= n */
    const uint8_t *signs; /* as setun_hadamard_signs writes them, or NULL: all + */
    void *y;              /* [rows][ldy]; may be x itself, with ldy = ldx */
    int64_t ldy;          /* >= n */
} setun_hadamard_args;
SETUN_API setun_status setun_hadamard(setun_context *context, const setun_hadamard_args *args);

/* y = H (signs * x) of fp32 rows, then the rounding of setun_quantize_rows (setun/ternary.h), in one pass over each row (H-BitLinear of
 * BitNet v2, arXiv 2504.18415): the bits of the two calls. */
typedef struct setun_hadamard_quantize_args {
    uint64_t size;
    int64_t rows, n; /* n <= 16,000,000 */
    const float *x;  /* [rows][ldx] */
    int64_t ldx;
    const uint8_t *signs; /* or NULL */
    float *y;             /* [rows][n] the transformed values, or NULL; may be x itself, if ldx = n */
    int8_t *q;            /* [rows][ldq], ldq >= n rounded up to 256; the padding up to there is written as 0 */
    int64_t ldq;
    float *step;  /* [rows] */
    int32_t *sum; /* [rows] */
} setun_hadamard_quantize_args;
SETUN_API setun_status setun_hadamard_quantize(setun_context *context, const setun_hadamard_quantize_args *args);

#endif
