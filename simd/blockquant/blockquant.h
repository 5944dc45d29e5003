/* Blocks of 256 weights times int8 activations, internal contract. Numbers and layout: setun/blockquant.h. Each format is one header (q4_0.h
 * ...): how the file's bytes become a record, and how a record's codes and scales become vectors. format_body.h makes a tier's kernels of
 * that; list.h names the formats. */
#ifndef SETUN_SIMD_BLOCKQUANT_H
#define SETUN_SIMD_BLOCKQUANT_H

#include <stddef.h>
#include <stdint.h>

#include "setun/blockquant.h"

enum {
    BLOCK_VALUES = 256,   /* of a row in a record */
    BLOCK_ROWS = 16,      /* of a record */
    BLOCK_SUMS = 16,      /* of a block of activations */
    BLOCK_PARAMETERS = 64 /* bytes before the first record */
};

#define BLOCK_MAX_K 16000000

/* What products need of a block of one activation row besides its codes. */
typedef struct block_side {
    int32_t offset[16]; /* per sub-block: what the codes' zero adds to its dot product */
    int16_t sum[16];    /* of each sub-block's activations; within four, in the order 0 2 1 3 */
    float step;
    int32_t reserved[7]; /* to two lines */
} block_side;

/* Rows of a packed matrix: `groups` groups of 16 from the first record at w, each of `blocks` records. */
typedef struct block_rows {
    const uint8_t *parameters, *w;
    int64_t blocks, groups;
} block_rows;

/* A format on one tier. */
typedef struct block_kernels {
    /* From sums of 16 and a step. */
    void (*prepare)(const int32_t *sum, float step, block_side *side);
    /* y[0 .. 16 * groups) of one activation row; side: [blocks]. */
    void (*gemv)(const block_rows *rows, const int8_t *q, const block_side *side, float *y);
    /* y[c * ldy + r] += what block `block` contributes, for r in 0 .. 16 * groups; groups <= panel; side: [cols]; tile: BLOCK_TILE_BYTES,
     * 64-byte aligned. */
    void (*gemm)(const block_rows *rows, int64_t block, const int8_t *q, int64_t ldq, const block_side *side, int64_t cols, float *y,
                 int64_t ldy, void *tile);
    /* out[i * ld + r] = value i of row r, of one record. */
    void (*expand)(const uint8_t *parameters, const uint8_t *record, float *out, int64_t ld);
} block_kernels;

enum { BLOCK_PANEL_GROUPS = 2, BLOCK_TILE_BYTES = 1 << 15 };

/* What does not depend on a tier. */
typedef struct block_format {
    setun_block_format id;
    int32_t file_values, file_bytes; /* of a block in files */
    int32_t record_bytes;
    int32_t most_parameter; /* setun_block_pack_args.parameter lies in 0 .. most */
    void (*parameters)(int32_t parameter, uint8_t *parameters); /* writes what the format keeps in these zeros */
    /* Up to 256 values of row `row` of a record that was zeroed: `count` blocks of the file. */
    void (*pack)(const uint8_t *data, int64_t count, int row, uint8_t *record);
} block_format;

/* NULL if there is none of that number; *index is its place in tables. */
const block_format *block_format_of(setun_block_format id, int *index);
/* All formats on one tier. */
typedef struct block_table {
    void (*quantize)(const float *x, int64_t k, int8_t *q, float *step, int32_t *sum); /* a row of activations */
    const block_kernels *formats[16];                                                 /* by BLOCK_INDEX of list.h */
} block_table;
/* The tier of a context. */
const block_table *block_table_of(const setun_context *context);


static inline int64_t block_count(int64_t k) { return k / BLOCK_VALUES + (k % BLOCK_VALUES != 0); }

#endif
