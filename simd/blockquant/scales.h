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

#endif
