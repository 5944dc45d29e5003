/* An operand before packing: fp32, bf16 or int8 in memory, optionally with a factor per index of the reduction. Vectors of it as fp32. */
#ifndef SETUN_BF16_SOURCE_H
#define SETUN_BF16_SOURCE_H

#include "simd/common/bf16.h"

enum { BF_F32 = 0, BF_BF16 = 1, BF_I8 = 2 };

typedef struct bf_source {
    const void *data; /* row-major */
    int64_t ld;       /* elements from row to row */
    const float *step; /* step[p] multiplies what has index p in the reduction, in fp32, before rounding to bf16; NULL: no factor */
} bf_source;

/* n values of a row from a column on; beyond them 0. along: the row runs along the reduction, else across it. */
VF_INLINE vf bf_get(const int type, const int along, const bf_source *from, int64_t row, int64_t column, int64_t n) {
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
