/* Parts of a record (setun/blockquant.h) that several formats have: how they are written when a matrix is packed, and how kernels read them.
 * A record is read in parts of VF_LANES rows; `part` counts them. */
#ifndef SETUN_BLOCKQUANT_RECORD_H
#define SETUN_BLOCKQUANT_RECORD_H

#include "blockquant.h"
#include "fields.h"

/* Writes bits `low` .. `low + bits - 1` of codes. A step of four values in each of `fields` runs of 32 takes `vectors` vectors; these bits go
 * into those from number `first` on. */
VF_INLINE void record_put(uint8_t *vector, int row, int fields, int vectors, int first, int bits, const uint8_t *codes, int low) {
    int in_byte = 8 / bits;
    for (int i = 0; i < BLOCK_VALUES; i++) {
        int step = 8 * (i / (32 * fields)) + i % 32 / 4, field = i / 32 % fields, code = codes[i] >> low & ((1 << bits) - 1);
        vector[64 * (step * vectors + first + field / in_byte) + 4 * row + i % 4] |= (uint8_t)(code << bits * (field % in_byte));
    }
}

/* The f16 of a row into one of 16. */
VF_INLINE void record_put_half(uint8_t *halves, int row, const uint8_t *half) { memcpy(halves + 2 * row, half, 2); }

/* Vector v of those at `at`. */
VF_INLINE vi record_vector(const uint8_t *at, int part, int v) { return vi_load(at + 64 * v + 4 * VF_LANES * part); }

/* Step s of codes of three bits: two vectors of low bits, one of high bits. */
VF_INLINE void record_fields_3(const uint8_t *at, int part, int s, vi *u) {
    const vi low[2] = {record_vector(at, part, 3 * s), record_vector(at, part, 3 * s + 1)};
    fields_3(low, record_vector(at, part, 3 * s + 2), u);
}
VF_INLINE void record_fields_3_of(vi levels, const uint8_t *at, int part, int s, vi *u) {
    const vi low[2] = {record_vector(at, part, 3 * s), record_vector(at, part, 3 * s + 1)};
    fields_3_of(levels, low, record_vector(at, part, 3 * s + 2), u);
}

/* Halves j of all rows. */
VF_INLINE vf record_halves(const uint8_t *halves, int part, int j) { return lanes_half(halves + 32 * j + 2 * VF_LANES * part); }

/* Four bytes per row to four numbers. */
VF_INLINE void record_bytes(vi v, vi *numbers) {
    for (int j = 0; j < 4; j++) {
        numbers[j] = vi_byte(v, j);
    }
}

/* Four minima per row to pairs of int16, 0 and 2, 1 and 3, the order of block_side.sum. */
VF_INLINE void record_pairs(vi v, vi *pairs) {
    pairs[0] = v & 0x00ff00ff;
    pairs[1] = (vi)((vu)v >> 8) & 0x00ff00ff;
}

/* Sixteen numbers of six bits per row, in 192 bytes. */
VF_INLINE void record_put_six(uint8_t *six, int row, const uint8_t *numbers) {
    for (int j = 0; j < 16; j++) {
        six[64 * (j / 4 % 2) + 4 * row + j % 4] |= (uint8_t)((numbers[j] & 15) << 4 * (j / 8));
        six[128 + 4 * row + j % 4] |= (uint8_t)(numbers[j] >> 4 << 2 * (j / 4));
    }
}

/* Numbers 4v .. 4v + 3 of them, as bytes. */
VF_INLINE vi record_six(const uint8_t *six, int part, int v) {
    vi low = vi_field(record_vector(six, part, v % 2), 4 * (v / 2), 4), high = vi_moved(record_vector(six, part, 2), 2 * v, 4, 2);
    return low | high;
}

/* Codes of five bits: four vectors of nibbles and one of high bits to a step. */
VF_INLINE void record_put_five(uint8_t *at, int row, const uint8_t *codes) {
    record_put(at, row, 8, 5, 0, 4, codes, 0);
    record_put(at, row, 8, 5, 4, 1, codes, 4);
}
VF_INLINE void record_fields_5(const uint8_t *at, int part, int s, vi *u) {
    vi high = record_vector(at, part, 5 * s + 4);
    for (int f = 0; f < 8; f++) {
        u[f] = vi_field(record_vector(at, part, 5 * s + f / 2), 4 * (f % 2), 4) | vi_moved(high, f, 4, 1);
    }
}

/* The head of Q4_K and Q5_K: f16 d, f16 dmin, and 12 bytes of scales and minima. Scale j < 4 is the low six bits of byte j of these, minimum
 * j < 4 those of byte 4 + j; for j >= 4 the low four bits are the low (scale) and high (minimum) nibble of byte 4 + j, and the high two are
 * those of bytes j - 4 and j. */
VF_INLINE void record_put_k(uint8_t *record, int row, const uint8_t *data) {
    const uint8_t *packed = data + 4;
    uint8_t six[16];
    for (int j = 0; j < 4; j++) {
        six[j] = packed[j] & 63;
        six[8 + j] = packed[4 + j] & 63;
        six[4 + j] = (uint8_t)((packed[8 + j] & 15) | packed[j] >> 6 << 4);
        six[12 + j] = (uint8_t)(packed[8 + j] >> 4 | packed[4 + j] >> 6 << 4);
    }
    record_put_six(record, row, six);
    record_put_half(record + 192, row, data);
    record_put_half(record + 224, row, data + 2);
}

#endif
