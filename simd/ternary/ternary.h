/* The ternary family inside the library: the kernels that a tier provides, and the packed layout (contract: setun/ternary.h). */
#ifndef SETUN_SIMD_TERNARY_H
#define SETUN_SIMD_TERNARY_H

#include "runtime.h"
#include "setun/ternary.h"

enum {
    TERNARY_BLOCK = 256,      /* values of one packed block */
    TERNARY_BLOCK_BYTES = 64, /* its bytes */
    TERNARY_PLANE = 64,       /* values that share a bit position */
    TERNARY_GROUP = 4,        /* rows whose blocks alternate */
    TERNARY_STEP = 256,       /* bytes from a block of a row to the row's next one */
    TERNARY_SUM_CHUNK = 4096, /* values of w whose |w| are summed in one set of lanes */
    TERNARY_WIDE_ROWS = 64,   /* of a panel of ternary_wide_kernels */
    TERNARY_FEWEST_TOKENS = 8, /* from which on a tier that unpacks rows into scratch does so */
    TERNARY_MAX_K = 16000000  /* 127 * k fits int32 */
};

#define TERNARY_FLOOR 1e-5f /* of gamma */

/* kp of setun/ternary.h, for k in 0 .. INT64_MAX - 255. */
static inline int64_t ternary_padded(int64_t k) { return (k + TERNARY_BLOCK - 1) / TERNARY_BLOCK * TERNARY_BLOCK; }

/* mp of setun/ternary.h, for m in 0 .. INT64_MAX - 3. */
static inline int64_t ternary_padded_rows(int64_t m) { return (m + TERNARY_GROUP - 1) / TERNARY_GROUP * TERNARY_GROUP; }

/* The byte at which the first block of a row starts. */
static inline int64_t ternary_row(int64_t kp, int64_t row) {
    return row / TERNARY_GROUP * kp + row % TERNARY_GROUP * TERNARY_BLOCK_BYTES;
}

/* Elementwise kernels: exact, so every tier gives the same bits. */
typedef struct ternary_rows_kernels {
    /* Sum of |w| over count <= TERNARY_SUM_CHUNK values: 16 fp32 lanes, then halving in fp64. */
    double (*sum_abs)(const float *w, int64_t count);
    /* codes[i] = clamp(rint(w[i] * inv), -1, 1); 0 where the product is NaN. */
    void (*codes)(const float *w, int64_t count, float inv, int8_t *codes);
    /* 256 values as a packed block of those codes. */
    void (*pack_block)(const float *w, float inv, uint8_t *packed);
    /* One activation row of k values to q[ldq] (zeros from k to kp), *step, *sum. */
    void (*quantize_row)(const float *x, int64_t k, int8_t *q, float *step, int32_t *sum);
    /* y[i] = activation((float)(dots[i] - sum) * scale + bias[i]) + residual[i]; bias and residual may be NULL. */
    void (*finish)(const int32_t *dots, int32_t sum, float scale, const float *bias, setun_activation activation, const float *residual,
                   int64_t count, float *y);
} ternary_rows_kernels;

/* Biased dot products dots[c*rows + r] = sum_i (code[r][i] + 1) * q[c][i] modulo 2^32: the caller takes off the sum of q. w: `rows` packed
 * rows of kp values, from the first of a group; q: cols rows of kp values, ldq apart; scratch: scratch_rows * kp bytes of the calling
 * worker, 64-byte aligned. */
typedef void (*ternary_dots)(const uint8_t *w, int64_t kp, int64_t rows, const int8_t *q, int64_t ldq, int64_t cols, int32_t *dots,
                             void *scratch);

/* y[c*ldy + r] = sum_i code[r][i] * x[c][i] in fp32, for k values of each row of x; w as above. */
typedef void (*ternary_dots_f32)(const uint8_t *w, int64_t k, int64_t rows, const float *x, int64_t ldx, int64_t cols, float *y,
                                 int64_t ldy);

/* The same for many columns: rows are unpacked once, into round_up(rows, TERNARY_WIDE_ROWS) * kp bytes, 64-byte aligned; then some columns at a
 * time are multiplied with them. */
typedef struct ternary_wide_kernels {
    void (*unpack)(const uint8_t *w, int64_t kp, int64_t rows, uint8_t *panels);
    void (*dots)(const uint8_t *panels, int64_t kp, int64_t rows, const int8_t *q, int64_t ldq, int64_t cols, int32_t *dots);
} ternary_wide_kernels;

typedef struct ternary_kernels {
    setun_isa isa;
    const ternary_rows_kernels *rows;
    ternary_dots dots;
    int64_t scratch_rows;
    const ternary_wide_kernels *wide; /* or NULL */
    ternary_dots_f32 dots_f32;
    void (*dense_planes)(const uint8_t *w, int64_t k, int64_t rows, uint8_t *planes);                         /* dense.h */
    void (*dense_gemv)(const uint8_t *w, int64_t k, int64_t rows, const int8_t *q, int32_t *dots); /* dense.h, or NULL */
} ternary_kernels;

/* The kernels of a context's tier. */
const ternary_kernels *ternary_kernels_of(const setun_context *context);

/* One block: 256 codes -> 64 bytes, and back. */
static inline void ternary_pack_block(const int8_t *restrict codes, uint8_t *restrict packed) {
    for (int j = 0; j < TERNARY_PLANE; j++) {
        packed[j] = (uint8_t)((codes[j] + 1) | (codes[64 + j] + 1) << 2 | (codes[128 + j] + 1) << 4 | (codes[192 + j] + 1) << 6);
    }
}

static inline void ternary_unpack_block(const uint8_t *restrict packed, int8_t *restrict codes) {
    for (int plane = 0; plane < 4; plane++) {
        for (int j = 0; j < TERNARY_PLANE; j++) {
            codes[64 * plane + j] = (int8_t)((packed[j] >> 2 * plane & 3) - 1);
        }
    }
}

#endif
