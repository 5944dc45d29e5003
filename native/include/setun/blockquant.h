/* Weights in blocks of 2 to 8 bits (the block types of GGUF) times 8-bit activations in blocks of 256.
 *
 * Weights. A matrix W[m][k] (row = output channel) is given as the bytes of its format (docs/formats.md) and packed once, into one layout
 * for all tiers. Every format is of one form: value i of a block of 256 is
 *     w = (d * s) * c            or, where the format has minima,  w = (d * s) * c - e * z
 * with a whole number c (the code less the format's zero), a whole scale s and minimum z per 16 or 32 values, and floats d, e per block
 * (d per 32 values in Q4_0 and Q8_0, where s = 1; the pi formats have one s = 1 and c is the level).
 *
 * Activations. Each 256 values of a row x[k] get int8 codes and a step of their own, rounded as setun_quantize_rows rounds a row:
 *     a = max(max|x|, 1e-5),  q = rint(x * (127/a)),  step = a/127;  and sum = sum of q for every 16 values
 * The last block of a row is padded with zeros. A block that holds NaN or Inf gets codes 0, sums 0 and step NaN: products are NaN then.
 *
 * Products. For output o, all in whole numbers per block b of 256:
 *     p = sum_j s_j * sum_i q_i c_i        r = sum_j z_j * sum_i q_i        (j: 16 or 32 values)
 *     t_b = d * (float)p,  t_b = d * (float)p - e * (float)r,  or, in Q4_0 and Q8_0, t_b = sum_j d_j * (float)p_j with j rising
 *     y = sum_b step_b * t_b  with b rising from +0; then + bias, then + residual
 * Each operation on floats is one IEEE single operation, none is fused, and p and r cannot overflow: the same bits on every tier, at every
 * thread count, and in Java. With fp32 activations, the weights are expanded to fp32 tile by tile and multiplied as in setun/gemm.h.
 *
 * Packed layout. 64 bytes of parameters (pi-tan: byte i is 128 + the level of code i % 2^bits; else zeros), then records: rows come in
 * groups of 16, values in blocks of 256, and the record of group g and block b is number g * ceil(k/256) + b. A record holds first the
 * scales of its 16 rows, then their codes in the order in which a product needs them: memory is fastest where nothing is skipped. Codes
 * come in steps of V vectors of 64 bytes; a lane of 4 bytes in each is a row (so that products need no sums across lanes), and a step
 * holds four values in each of F runs of 32. With c = i / (32 F), f = i / 32 % F and step 8c + i % 32 / 4, the B bits of value i of row r
 * that a plane of vectors from number v on has are the bits from B f % 8 on of the step's byte
 *     64 * (v + B f / 8) + 4 * r + i % 4
 * Record by record, in bytes (d and e: f16 [16]; s, z per sub-block j, as below):
 *     Q8_0  d[8][16] (256);  codes c + 128: F = 1, V = 1, B = 8 (4096)      Q4_0  d[8][16] (256);  codes c + 8: F = 2, V = 1, B = 4 (2048)
 *     Q4_K  six-bit s[0..7], z[0..7] (192);  d, e (64);  codes: F = 2, V = 1, B = 4 (2048)
 *     Q5_K  as Q4_K, but codes: F = 8, V = 5, low four bits from vector 0, the high one in vector 4 (2560)
 *     Q2_K  s + 16 z (256);  d, e (64);  codes: F = 4, V = 1, B = 2 (1024)
 *     Q6_K  s (256);  d, 32 unused bytes;  codes c + 32: F = 4, V = 3, low four bits from vector 0, high two from vector 2 (3072)
 *     pi-q2, pi-tan2  d, 32 unused bytes;  codes: F = 4, V = 1, B = 2 (1024)
 *     pi-q3, pi-tan3  d, 32 unused bytes;  codes as those of Q3_K (1536)
 *     Q3_K  six-bit s + 32 (192);  d, 32 unused bytes;  codes c + 4: F = 8, V = 3, low two bits from vector 0, high one in vector 2 (1536)
 *     E8P_2 d, 32 unused bytes;  b (64);  codes t: F = 8, V = 3, high two bits from vector 0, the low one in vector 2 (1536)
 *     E8P_3 d, 32 unused bytes;  codes v + 15: F = 8, V = 5, low four bits from vector 0, the high one in vector 4 (2560)
 *     E8P_4 d, 32 unused bytes;  codes v + 128: F = 1, V = 1, B = 8 (4096)
 * Bytes of sub-blocks: byte 64 * (j/4) + 4*r + j%4 belongs to sub-block j of row r. Six-bit numbers t[16] of a row are 12 bytes: the low
 * nibble of byte 4*r + j of the first 64 is t[j] % 16, of the second 64 t[4 + j] % 16, the high nibbles are t[8 + j] % 16 and t[12 + j] %
 * 16, and byte 4*r + j of the third 64 holds the high two bits of t[j], t[4 + j], t[8 + j] and t[12 + j], from the lowest up.
 * E8P (2402.04396): a code of 16 bits is eight values, v = four times the entries of a point of E8 + 1/4. Bits 0-7 are a pattern of
 * magnitudes 1/2, 3/2 and 5/2: the 227 whose squares add up to 10 at most, sorted by that sum, then lexicographically from entry 0, and
 * behind them the first 29, lexicographically, of those with five 3/2 and three 1/2. Bits 8-14 are the signs of entries 0 .. 6 (1:
 * minus); that of entry 7 makes the sum even. Bit 15: 1/4 is added (0) or taken away (1). Packed, v = 4t - 10 + s with s = 2b - 1 the
 * same in a group of eight: bit g / 4 of byte 4*r + g % 4 of b belongs to group g of row r. With 3 bits, v has twice a second point
 * added, with 4 it is 7 times the first plus 2 times a second one: docs/formats.md. Then w = d * v; s = 1.
 * Padding, in rows and values, and what is unused are zero bytes. No alignment is required; 64 bytes is fastest. */
#ifndef SETUN_BLOCKQUANT_H
#define SETUN_BLOCKQUANT_H

#include "setun/context.h"

/* The numbers are those of ggml_type; those of E8P, which has none, are far above them. A row of k values takes whole blocks:
 * k % 32 == 0 for Q4_0 and Q8_0, else k % 256 == 0. */
typedef int32_t setun_block_format;
enum {
    SETUN_BLOCK_Q4_0 = 2,
    SETUN_BLOCK_Q8_0 = 8,
    SETUN_BLOCK_Q2_K = 10,
    SETUN_BLOCK_Q3_K = 11,
    SETUN_BLOCK_Q4_K = 12,
    SETUN_BLOCK_Q5_K = 13,
    SETUN_BLOCK_Q6_K = 14,
    SETUN_BLOCK_E8P_2 = 802,
    SETUN_BLOCK_E8P_3 = 803,
    SETUN_BLOCK_E8P_4 = 804,
    SETUN_BLOCK_PI_Q2 = 1002, /* pi formats (setun/pi.h) have no ggml_type */
    SETUN_BLOCK_PI_Q3 = 1003,
    SETUN_BLOCK_PI_TAN2 = 1012, /* symmetric levels; the parameter is setun_pi_quantize_args.magnitudes, or 0: 38, 127 */
    SETUN_BLOCK_PI_TAN3 = 1013  /* likewise; 0: 14, 44, 80, 127 */
};

/* Bytes of a matrix [m][k] as files hold it; -1 if the format is unknown or does not allow the shape, or the size overflows. */
SETUN_API int64_t setun_block_bytes(setun_block_format format, int64_t m, int64_t k);
/* Bytes of the same, packed; -1 likewise. */
SETUN_API int64_t setun_block_packed_bytes(setun_block_format format, int64_t m, int64_t k);

typedef struct setun_block_pack_args {
    uint64_t size;
    setun_block_format format;
    int32_t parameter; /* 0 where the format has none */
    int64_t m, k;
    const uint8_t *data; /* as files hold it */
    int64_t data_bytes;  /* must equal setun_block_bytes */
    uint8_t *packed;
} setun_block_pack_args;
SETUN_API setun_status setun_block_pack(setun_context *context, const setun_block_pack_args *args);

typedef struct setun_block_expand_args {
    uint64_t size;
    setun_block_format format;
    int32_t reserved;
    int64_t m, k;
    const uint8_t *w;
    int64_t row, rows; /* row .. row + rows - 1 are expanded */
    float *out;        /* [rows][k] */
} setun_block_expand_args;
/* The values of packed rows as fp32, each with the operations and their order that the format's definition has: bits. */
SETUN_API setun_status setun_block_expand(setun_context *context, const setun_block_expand_args *args);

typedef struct setun_quantize_blocks_args {
    uint64_t size;
    const float *x; /* [n][ldx], k values of each row used */
    int64_t n, k, ldx;
    int8_t *q;    /* [n][kp], kp = k rounded up to 256; the padding is written as 0 */
    float *step;  /* [n][kp/256] */
    int32_t *sum; /* [n][kp/16] */
} setun_quantize_blocks_args;
SETUN_API setun_status setun_quantize_blocks(setun_context *context, const setun_quantize_blocks_args *args);

typedef struct setun_block_gemm_args {
    uint64_t size;
    setun_block_format format;
    int32_t reserved;
    const uint8_t *w; /* [m][k], packed */
    int64_t m, k;
    const int8_t *q;     /* [n][kp] */
    const float *step;   /* [n][kp/256] */
    const int32_t *sum;  /* [n][kp/16] */
    int64_t n;
    const float *bias;     /* [m] or NULL */
    const float *residual; /* [n][ldy] or NULL: added last; may be y itself */
    float *y;              /* [n][ldy] */
    int64_t ldy;
} setun_block_gemm_args;
/* Any m, n, k >= 0 that the format allows; n == 1 is the GEMV, which reads w once, in order. */
SETUN_API setun_status setun_block_gemm(setun_context *context, const setun_block_gemm_args *args);

typedef struct setun_block_gemm_f32_args {
    uint64_t size;
    setun_block_format format;
    int32_t reserved;
    const uint8_t *w;
    int64_t m, k;
    const float *x; /* [n][ldx] */
    int64_t n, ldx;
    const float *bias; /* [m] or NULL */
    float *y;          /* [n][ldy] */
    int64_t ldy;
} setun_block_gemm_f32_args;
/* The weights as setun_block_expand gives them, fp32 activations and sums: |error| <= (k + 4) * 2^-24 * (sum|x w| + |bias|) per output. */
SETUN_API setun_status setun_block_gemm_f32(setun_context *context, const setun_block_gemm_f32_args *args);

#endif
