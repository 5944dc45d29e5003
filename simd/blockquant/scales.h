/* The scales of a record as products use them. */
#ifndef SETUN_BLOCKQUANT_SCALES_H
#define SETUN_BLOCKQUANT_SCALES_H

#include "record.h"

/* How a format scales its sub-blocks: by floats, by whole numbers, or not at all (one sub-block of 256 values). */
#define BLOCK_SCALE_REAL 1
#define BLOCK_SCALE_WHOLE 2
#define BLOCK_SCALE_NONE 3

/* Of one part of the rows; a format fills what it has. */
typedef struct block_scales {
    vf real[8];
    vi whole[16];
    vi minima[8]; /* pairs of int16: record_pairs */
    vf d, e;
} block_scales;

/* Those that record_put_k wrote. */
VF_INLINE void scales_k(const uint8_t *record, int part, block_scales *to) {
    for (int v = 0; v < 2; v++) {
        record_bytes(record_six(record, part, v), to->whole + 4 * v);
        record_pairs(record_six(record, part, 2 + v), to->minima + 2 * v);
    }
    to->d = record_halves(record + 192, part, 0);
    to->e = record_halves(record + 192, part, 1);
}

#endif
