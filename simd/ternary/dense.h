/* The dense layout inside the library (contract: setun/ternary.h): tiles of 12 rows by 128 values, and kernels that read them. */
#ifndef SETUN_TERNARY_DENSE_H
#define SETUN_TERNARY_DENSE_H

#include "ternary.h"

enum {
    DENSE_ROWS = 12,        /* rows of a tile: four triples */
    DENSE_VALUES = 128,     /* values of a row in a tile: two halves */
    DENSE_HALF = 64,        /* values of a half, and bytes of a vector */
    DENSE_TILE_BYTES = 320, /* five vectors */
    DENSE_INDICES = 27,     /* values of an index: a triple's codes, each plus one, as digits to base 3, the first row's lowest */
    DENSE_MAX_K = 1 << 22,  /* a GEMV's sums of whole bytes fit int32: at most 53 * 128 for each value */
    DENSE_GEMV_COLS = 4     /* up to here, reading the tiles once per column is faster than unpacking them for all */
};

static inline int64_t dense_tiles(int64_t k) { return (k + DENSE_VALUES - 1) / DENSE_VALUES; }
static inline int64_t dense_groups(int64_t m) { return (m + DENSE_ROWS - 1) / DENSE_ROWS; }
/* The byte at which the first tile of a group of rows starts. */
static inline int64_t dense_group(int64_t k, int64_t group) { return group * dense_tiles(k) * DENSE_TILE_BYTES; }

/* The eight indices at position j, as [half][triple], from the bytes of the five vectors there. */
static inline void dense_take(const uint8_t *tile, int j, uint8_t index[2][4]) {
    uint8_t a = tile[j], b = tile[64 + j], c = tile[128 + j], d = tile[192 + j], e = tile[256 + j];
    index[0][0] = a & 31;
    index[0][1] = b & 31;
    index[0][2] = c & 31;
    index[0][3] = d & 31;
    index[1][0] = e & 31;
    index[1][1] = (uint8_t)(a >> 5 | (d >> 5 & 3) << 3);
    index[1][2] = (uint8_t)(b >> 5 | (e >> 5 & 3) << 3);
    index[1][3] = (uint8_t)(c >> 5 | (e >> 7) << 3 | (d >> 7) << 4);
}

static inline void dense_put(uint8_t *tile, int j, uint8_t index[2][4]) {
    tile[j] = (uint8_t)(index[0][0] | (index[1][1] & 7) << 5);
    tile[64 + j] = (uint8_t)(index[0][1] | (index[1][2] & 7) << 5);
    tile[128 + j] = (uint8_t)(index[0][2] | (index[1][3] & 7) << 5);
    tile[192 + j] = (uint8_t)(index[0][3] | index[1][1] >> 3 << 5 | index[1][3] >> 4 << 7);
    tile[256 + j] = (uint8_t)(index[1][0] | index[1][2] >> 3 << 5 | (index[1][3] >> 3 & 1) << 7);
}

/* The digits of an index at bits 0, 2 and 4. Indices from 27 on, which no packing makes, have a last digit of 3. */
static inline uint8_t dense_digits(uint8_t index) {
    unsigned high = index * 57u >> 9, rest = index - 9 * high, middle = rest * 11u >> 5;
    return (uint8_t)(rest - 3 * middle + 4 * middle + 16 * high);
}

/* `rows` rows from the first of a group -> the layout of planes: whole groups of 12 rows and blocks of 256 values (what lies beyond the
 * last tile is code 0). */
#define DENSE_PLANES(tier) DENSE_PLANES_(tier)
#define DENSE_PLANES_(tier) void ternary_dense_planes_##tier(const uint8_t *w, int64_t k, int64_t rows, uint8_t *planes)
DENSE_PLANES(portable);
DENSE_PLANES(avx2);
DENSE_PLANES(avx512);

/* Biased dot products of one column, as ternary_dots gives them. k <= DENSE_MAX_K. */
void ternary_dense_gemv_avx512bf16(const uint8_t *w, int64_t k, int64_t rows, const int8_t *q, int32_t *dots);

/* Biased dot products as ternary_dots gives them, of rows `row` .. `row + rows - 1` of a dense matrix; row is the first of a group.
 * scratch: kernels->scratch_rows * kp bytes, then dense_scratch unless dense_by_column. */
void ternary_dense_dots(const ternary_kernels *kernels, const uint8_t *w, int64_t k, int64_t row, int64_t rows, const int8_t *q,
                        int64_t ldq, int64_t cols, int32_t *dots, void *scratch);

/* Whether columns are taken one by one, without scratch. */
static inline bool dense_by_column(const ternary_kernels *kernels, int64_t k, int64_t cols) {
    return kernels->dense_gemv != NULL && cols <= DENSE_GEMV_COLS && k <= DENSE_MAX_K;
}

/* Bytes that `rows` unpacked rows take. */
static inline int64_t dense_scratch(int64_t k, int64_t rows) { return dense_groups(rows) * DENSE_ROWS * (ternary_padded(k) / 4); }

#endif
