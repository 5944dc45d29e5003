/* An operand before packing: fp32, bf16, int8 or packed ternary codes in memory, optionally with a factor per index of the reduction.
 * Vectors of it as fp32. */
#ifndef SETUN_BF16_SOURCE_H
#define SETUN_BF16_SOURCE_H

#include "setun/gemm.h"
#include "simd/common/bf16.h"

enum { BF_F32 = SETUN_F32, BF_BF16 = SETUN_BF16, BF_I8 = SETUN_I8, BF_TERNARY };

typedef struct bf_source {
    const void *data;  /* row-major; BF_TERNARY: packed, from the first row of a group of four on (setun/ternary.h) */
    int64_t ld;        /* elements from row to row; BF_TERNARY: bytes of a group */
    const float *step; /* step[p] multiplies what has index p in the reduction, in fp32, before rounding to bf16; NULL: no factor */
} bf_source;

/* The byte that holds column `column` of a packed ternary row; its code + 1 is in the two bits from bf_ternary_shift on. */
static inline __attribute__((unused)) const uint8_t *bf_ternary_byte(const bf_source *from, int64_t row, int64_t column) {
    return (const uint8_t *)from->data + row / 4 * from->ld + column / 256 * 256 + row % 4 * 64 + column % 64;
}
static inline __attribute__((unused)) int bf_ternary_shift(int64_t column) { return (int)(column / 64 % 4) * 2; }

/* VF_LANES codes, all in one plane. */
VF_INLINE vf bf_get_ternary(const bf_source *from, int64_t row, int64_t column) {
    const uint8_t *bytes = bf_ternary_byte(from, row, column);
    vi lanes;
    for (int i = 0; i < VF_LANES; i++) {
        lanes[i] = (bytes[i] >> bf_ternary_shift(column) & 3) - 1;
    }
    return __builtin_convertvector(lanes, vf);
}

/* n values of a row from a column on; beyond them 0. along: the row runs along the reduction, else across it.
 * BF_TERNARY: the column is a multiple of VF_LANES, and lanes beyond n hold what the packed row holds there. */
VF_INLINE vf bf_get(const int type, const int along, const bf_source *from, int64_t row, int64_t column, int64_t n) {
    if (type == BF_TERNARY) {
        return bf_get_ternary(from, row, column);
    }
    int64_t at = row * from->ld + column;
    vf v = type == BF_F32    ? vf_get((const float *)from->data + at, n)
           : type == BF_BF16 ? vf_get_bf16((const bf16 *)from->data + at, n)
                             : vf_get_i8((const int8_t *)from->data + at, n);
    if (from->step != NULL) {
        v = v * (along ? vf_get(from->step + column, n) : vf_set1(from->step[row]));
    }
    return v;
}

#endif
