/* Ternary weights (BitNet b1.58, arXiv 2402.17764) times 8-bit activations.
 *
 * Numbers. A weight matrix W[m][k] (row = output channel) becomes codes c in {-1,0,+1} and one scale gamma:
 *     gamma = max(mean|W|, 1e-5)    (summation order: docs/numerics.md)
 *     c     = clamp(rint(w * (1/gamma)), -1, 1)          rint: ties to even
 * An activation row x[k] becomes int8 codes and one step:
 *     a = max(max|x|, 1e-5),  q = rint(x * (127/a)),  step = a/127,  sum = sum of q
 * and the product is  y[t][o] = (float)(sum_i q[t][i]*c[o][i]) * (gamma * step[t]).
 * Every operation above is one IEEE single operation, so results are bit-equal on every tier, and to Java's reference.
 * A row (or matrix) that holds NaN or Inf gets codes 0 and step (gamma) NaN: its products are NaN, never garbage.
 *
 * Packed layout ("planes of 64 in groups of 4 rows"). kp = k rounded up to 256, mp = m rounded up to 4. Four rows share kp bytes: block b
 * (256 values) of row o takes the 64 bytes at (o/4)*kp + 256*b + 64*(o%4), and bits (2i+1:2i) of its byte j hold code + 1 of value
 * 256b + 64i + j. So a kernel that takes four rows at a time, to load each activation once for all of them, still reads memory in order.
 * Padding, in k and in m, holds the value 1 (code 0). Activation rows are padded to kp with zeros. No alignment is required; 64 bytes
 * is fastest.
 *
 * Dense layout (1.67 bits per weight, for products that wait for memory: one column, or few). Rows come in groups of 12, values in tiles of
 * 128; the tile of group g and values 128b .. 128b + 127 takes the 320 bytes at 320*(g*ceil(k/128) + b). The codes of three rows at one
 * value make an index, (c0 + 1) + 3*(c1 + 1) + 9*(c2 + 1); position j of a tile has eight of them: i(h,t) of rows 12g + 3t .. 12g + 3t + 2 at
 * value 128b + 64h + j. They are the 40 bits of the tile's bytes j, 64 + j, ... 256 + j (v0 .. v4):
 *     i(0,t) = bits 4:0 of vt for each t;  i(1,0) = bits 4:0 of v4;  and from the lowest bit up
 *     i(1,1) = v0[7:5], v3[6:5];  i(1,2) = v1[7:5], v4[6:5];  i(1,3) = v2[7:5], v4[7], v3[7].
 * Padding, in rows and in values, is code 0. Indices 27 .. 31 are not ternary: products of them mean nothing, but are computed safely. */
#ifndef SETUN_TERNARY_H
#define SETUN_TERNARY_H

#include "setun/context.h"
#include "setun/gemm.h"

/* Interchange formats (docs/formats.md). */
typedef int32_t setun_ternary_format;
enum {
    SETUN_TERNARY_TQ2_0 = 1, /* GGUF type 35: 256 values, 66 bytes; k % 256 == 0 */
    SETUN_TERNARY_TQ1_0 = 2, /* GGUF type 34: 256 values, 54 bytes; k % 256 == 0 */
    SETUN_TERNARY_I2_S = 3,  /* Microsoft's fork: 128 values, 32 bytes, and a 32-byte tail with the f32 scale; k % 128 == 0 */
    SETUN_TERNARY_HF_U8 = 4  /* Hugging Face uint8 [ceil(m/4)][k], packed along m (bits of rows beyond m are 0, ignored when read);
                              * the scale lives outside */
};

/* Layouts of weights in memory (above). */
typedef int32_t setun_ternary_layout;
enum { SETUN_TERNARY_LAYOUT_PLANES = 0, SETUN_TERNARY_LAYOUT_DENSE = 1 };

/* k rounded up to 256: the length of a padded activation row, in values. */
SETUN_API int64_t setun_ternary_padded_k(int64_t k);
/* Bytes of a packed [m][k] matrix; -1 if m or k is negative or the size overflows. */
SETUN_API int64_t setun_ternary_packed_bytes(int64_t m, int64_t k);
/* Bytes of an interchange format; -1 if the shape is not allowed there. */
SETUN_API int64_t setun_ternary_format_bytes(setun_ternary_format format, int64_t m, int64_t k);

/* Absmean of W[m][k] (contiguous) -> *gamma, codes [m][k] (int8). */
SETUN_API setun_status setun_ternary_quantize(setun_context *context, const float *w, int64_t m, int64_t k, int8_t *codes,
                                              float *gamma);
/* The same, straight into the packed layout. */
SETUN_API setun_status setun_ternary_quantize_pack(setun_context *context, const float *w, int64_t m, int64_t k,
                                                   uint8_t *packed, float *gamma);
/* codes [m][k] <-> packed. Codes outside {-1,0,1} are SETUN_INVALID_ARGUMENT. */
SETUN_API setun_status setun_ternary_pack(setun_context *context, const int8_t *codes, int64_t m, int64_t k,
                                          uint8_t *packed);
SETUN_API setun_status setun_ternary_unpack(setun_context *context, const uint8_t *packed, int64_t m, int64_t k,
                                            int8_t *codes);
/* Bytes of a dense [m][k] matrix; -1 if m or k is negative or the size overflows. */
SETUN_API int64_t setun_ternary_dense_bytes(int64_t m, int64_t k);
/* codes [m][k] <-> dense. Codes outside {-1,0,1} and indices above 26 are SETUN_INVALID_ARGUMENT; nothing is written then. */
SETUN_API setun_status setun_ternary_dense_pack(setun_context *context, const int8_t *codes, int64_t m, int64_t k, uint8_t *dense);
SETUN_API setun_status setun_ternary_dense_unpack(setun_context *context, const uint8_t *dense, int64_t m, int64_t k, int8_t *codes);
/* out[m][k] = *gamma * code, fp32. */
SETUN_API setun_status setun_ternary_expand(setun_context *context, const uint8_t *packed, int64_t m, int64_t k,
                                            const float *gamma, float *out);

typedef struct setun_ternary_codec {
    uint64_t size;
    setun_ternary_format format;
    int32_t reserved;
    int64_t m, k;
    int8_t *codes;       /* [m][k] */
    uint8_t *data;       /* the interchange bytes */
    int64_t data_bytes;  /* must equal setun_ternary_format_bytes */
    float *scales;       /* TQ*: one per block of 256 (f16 in the file) [m*k/256]; I2_S: one; HF_U8: unused, may be NULL */
} setun_ternary_codec;
/* codes + scales -> data. */
SETUN_API setun_status setun_ternary_encode(setun_context *context, const setun_ternary_codec *codec);
/* data -> codes + scales. Bit pairs of value 3 are SETUN_INVALID_ARGUMENT (the data is not ternary). */
SETUN_API setun_status setun_ternary_decode(setun_context *context, const setun_ternary_codec *codec);

typedef struct setun_quantize_rows_args {
    uint64_t size;
    const float *x; /* [n][ldx], k values of each row used */
    int64_t n, k, ldx;
    int8_t *q;    /* [n][ldq], ldq >= padded k; the padding is written as 0 */
    int64_t ldq;
    float *step;  /* [n] */
    int32_t *sum; /* [n] */
} setun_quantize_rows_args;
SETUN_API setun_status setun_quantize_rows(setun_context *context, const setun_quantize_rows_args *args);

/* y[n][k] = q * step: the fake-quantized activation. */
SETUN_API setun_status setun_dequantize_rows(setun_context *context, const int8_t *q, const float *step, int64_t n,
                                             int64_t k, float *y); /* q: [n][padded k] */

/* What happens to a product after its bias: nothing, max(v, 0), or max(v, 0)^2 (squared ReLU, BitNet b1.58 2B4T). NaN stays NaN. */
typedef int32_t setun_activation;
enum { SETUN_ACTIVATION_NONE = 0, SETUN_ACTIVATION_RELU = 1, SETUN_ACTIVATION_RELU2 = 2 };

typedef struct setun_ternary_gemm_args {
    uint64_t size;
    const uint8_t *w; /* [m][k] in one of the layouts */
    int64_t m, k;
    const float *gamma; /* one value */
    const int8_t *q;    /* [n][ldq] */
    int64_t n, ldq;
    const float *step;     /* [n] */
    const int32_t *sum;    /* [n] */
    const float *bias;     /* [m] or NULL: added after scaling */
    const float *residual; /* [n][ldy] or NULL: added last, after the activation; may be y itself */
    float *y;              /* [n][ldy], or NULL if only acc is wanted */
    int64_t ldy;
    int32_t *acc; /* [n][m] raw dot products, or NULL */
    setun_activation activation;
    setun_ternary_layout layout; /* of w */
} setun_ternary_gemm_args;
/* Any m, n, k >= 0; n == 1 is the GEMV. k <= 16,000,000 (the int32 sums cannot overflow). */
SETUN_API setun_status setun_ternary_gemm(setun_context *context, const setun_ternary_gemm_args *args);

typedef struct setun_ternary_gemm_f32_args {
    uint64_t size;
    const uint8_t *w;
    int64_t m, k;
    const float *gamma;
    const float *x; /* [n][ldx] */
    int64_t n, ldx;
    const float *bias; /* [m] or NULL */
    float *y;          /* [n][ldy] */
    int64_t ldy;
} setun_ternary_gemm_f32_args;
/* The weights stay exact, the activations stay fp32: |error| <= (k+2) * 2^-24 * gamma * sum|x| per output. */
SETUN_API setun_status setun_ternary_gemm_f32(setun_context *context, const setun_ternary_gemm_f32_args *args);

typedef struct setun_ternary_gemm_backward_args {
    uint64_t size;
    const uint8_t *w; /* packed [m][k] */
    int64_t m, k;
    const float *gamma;    /* one value */
    setun_element type_dy; /* SETUN_F32 or SETUN_BF16 */
    float beta;            /* 0: dx is written without being read */
    const void *dy;        /* [n][lddy], m values of each row used */
    int64_t n, lddy;
    float *dx; /* [n][lddx], k values of each row */
    int64_t lddx;
} setun_ternary_gemm_backward_args;
/* dx = gamma * dy * codes + beta * dx: the gradient of the input. The codes are exact, dy is rounded to bf16 (dy' below), the sums are
 * fp32: |error| <= (m + 4) * 2^-24 * (gamma sum|dy'| + |beta dx|) + gamma * 2^-126 * sum(3 + |dy'|) per output, see setun/gemm.h. */
SETUN_API setun_status setun_ternary_gemm_backward(setun_context *context, const setun_ternary_gemm_backward_args *args);

#endif
