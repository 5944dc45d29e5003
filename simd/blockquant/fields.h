/* Vectors of packed codes of two or three bits to one byte per code: the codes themselves, or bytes of a table (of levels) at their places.
 * Where an instruction looks bytes up by their low six bits (VBMI), fields need neither come to the bottom nor lose their neighbours first:
 * the table repeats for all that the other bits may be, and one index of three-bit codes serves two of them. */
#ifndef SETUN_BLOCKQUANT_FIELDS_H
#define SETUN_BLOCKQUANT_FIELDS_H

#include "lanes.h"

#if defined(__AVX512VBMI__)

/* Bytes 0 .. 63. */
static const vi FIELDS_PLACES = {0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c, 0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c,
                                 0x23222120, 0x27262524, 0x2b2a2928, 0x2f2e2d2c, 0x33323130, 0x37363534, 0x3b3a3938, 0x3f3e3d3c};

/* Each byte of places becomes that of the table at its low six bits. */
VF_INLINE vi fields_look_up(vi table, vi places) { return (vi)_mm512_permutexvar_epi8((__m512i)places, (__m512i)table); }

/* The code of two bits that lies from bit `first` on in each place; of three, the high one `apart` bits above the first. */
VF_INLINE vi fields_table_2(int first) { return vi_field(FIELDS_PLACES, first, 2); }
VF_INLINE vi fields_table_3(int first, int apart) { return fields_table_2(first) | vi_moved(FIELDS_PLACES, first + apart, 2, 1); }

/* mask ? a : b, bit by bit; takes the register of b, which the caller has done with. */
VF_INLINE vi fields_select(int mask, vi a, vi b) {
    return (vi)_mm512_ternarylogic_epi32((__m512i)b, (__m512i)a, _mm512_set1_epi32(mask), 0xd8);
}

VF_INLINE void fields_2_by(const vi table[3], vi v, vi *u) {
    for (int f = 0; f < 3; f++) {
        u[f] = fields_look_up(table[f], v);
    }
    u[3] = fields_look_up(table[2], (vi)((vu)v >> 2));
}

VF_INLINE void fields_3_by(vi even, vi odd, const vi low[2], vi high, vi *u) {
    for (int pair = 0; pair < 4; pair++) {
        vi both = pair % 2 == 0 ? low[pair / 2] : (vi)((vu)low[pair / 2] >> 4);
        vi above = pair < 2 ? high << (4 - 2 * pair) : (vi)((vu)high >> (2 * pair - 4));
        vi places = fields_select(0x0f0f0f0f, both, above);
        u[2 * pair] = fields_look_up(even, places);
        u[2 * pair + 1] = fields_look_up(odd, places);
    }
}

VF_INLINE void fields_2(vi v, vi *u) {
    const vi table[3] = {fields_table_2(0), fields_table_2(2), fields_table_2(4)};
    fields_2_by(table, v, u);
    u[0] = v & 0x03030303; /* an instruction for which there are more units */
}

VF_INLINE void fields_3(const vi low[2], vi high, vi *u) { fields_3_by(fields_table_3(0, 4), fields_table_3(2, 3), low, high, u); }

VF_INLINE void fields_2_of(vi levels, vi v, vi *u) {
    vi table[3];
    for (int t = 0; t < 3; t++) {
        table[t] = fields_look_up(levels, fields_table_2(2 * t));
    }
    fields_2_by(table, v, u);
}

VF_INLINE void fields_3_of(vi levels, const vi low[2], vi high, vi *u) {
    fields_3_by(fields_look_up(levels, fields_table_3(0, 4)), fields_look_up(levels, fields_table_3(2, 3)), low, high, u);
}

#else

/* Field f of four is bits 2f and 2f + 1 of each byte of v. */
VF_INLINE void fields_2(vi v, vi *u) {
    for (int f = 0; f < 4; f++) {
        u[f] = vi_field(v, 2 * f, 2);
    }
}

/* Field f of eight: the low bits are field f % 4 of low[f / 4], the high one is bit f of `high`. */
VF_INLINE void fields_3(const vi low[2], vi high, vi *u) {
    for (int f = 0; f < 8; f++) {
        u[f] = vi_field(low[f / 4], 2 * (f % 4), 2) | vi_moved(high, f, 2, 1);
    }
}

/* The same, and each code becomes that byte of `levels`, which repeats every four (or eight) bytes. */
VF_INLINE void fields_2_of(vi levels, vi v, vi *u) {
    fields_2(v, u);
    for (int f = 0; f < 4; f++) {
        u[f] = vi_look_up(levels, u[f]);
    }
}

VF_INLINE void fields_3_of(vi levels, const vi low[2], vi high, vi *u) {
    fields_3(low, high, u);
    for (int f = 0; f < 8; f++) {
        u[f] = vi_look_up(levels, u[f]);
    }
}

#endif

#endif
