/* Blocks of the interchange formats that keep values together along k (docs/formats.md). HF_U8 has none: it packs along m. */
#ifndef SETUN_TERNARY_BLOCKS_H
#define SETUN_TERNARY_BLOCKS_H

#include "ternary.h"

typedef struct ternary_block_format {
    int64_t values, bytes; /* of one block, its scale included */
    int64_t scale_at;      /* where its f16 scale is, or -1 */
    int64_t tail_bytes;    /* behind all blocks: begins with an f32 scale */
    void (*encode)(const int8_t *codes, uint8_t *block);
    void (*decode)(const uint8_t *block, int8_t *codes);
    bool (*valid)(const uint8_t *block); /* false: a bit pair is 3 */
} ternary_block_format;

/* NULL for HF_U8 and for unknown values. */
const ternary_block_format *ternary_block_format_of(setun_ternary_format format);

#endif
