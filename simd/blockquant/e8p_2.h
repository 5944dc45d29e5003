/* E8P with 2 bits per value. Within a group of eight all integers v are 4t - 10 + s with t in 0 .. 5 and one s of -1 and 1, so three bits
 * per value and one per group say what the 16 bits of a file do: v + 11 = 4t + 2b. Counting instructions, to look 16 rows up in a table of 256
 * takes longer than to read the 1.1 bits that this costs. */
#include "e8p.h"

#define E8P_2_FILE_VALUES 256
#define E8P_2_FILE_BYTES 66
#define E8P_2_RECORD_BYTES (64 + 64 + 1536) /* 32 of them unused */
#define E8P_2_SUBS 1
#define E8P_2_SCALES BLOCK_SCALE_NONE
#define E8P_2_MINIMA 0
#define E8P_2_ZERO 11
#define E8P_2_WIDE 0
#define E8P_2_FIELDS 8

VF_INLINE void e8p_2_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) {
    (void)count;
    int integers[BLOCK_VALUES];
    uint8_t codes[BLOCK_VALUES];
    e8p_integers(data, 2, integers);
    for (int i = 0; i < BLOCK_VALUES; i++) {
        codes[i] = (uint8_t)((integers[i] + 11) / 2); /* 2t + b */
    }
    for (int g = 0; g < BLOCK_VALUES / 8; g++) {
        record[64 + 4 * row + g % 4] |= (uint8_t)((codes[8 * g] & 1) << g / 4);
    }
    record_put(record + 128, row, 8, 3, 0, 2, codes, 2);
    record_put(record + 128, row, 8, 3, 2, 1, codes, 1);
    record_put_half(record, row, data + 64);
}

/* The bits of `mask` in each byte, after what is at bit `from` went to bit `to`. */
VF_INLINE vi e8p_2_place(vu v, int from, int to, int mask) {
    return (vi)(to > from ? v << (to - from) : v >> (from - to)) & (mask * 0x01010101);
}

VF_INLINE void e8p_2_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    (void)c;
    /* b and the lowest bit of t, which are neighbours in the result, side by side: of even and of odd fields */
    vu shifts = (vu)vi_byte(record_vector(record + 64, part, 0), s / 2) * 0x01010101u;
    vu low = (vu)record_vector(record + 128, part, 3 * s + 2);
    vu even = (low & 0x55555555u) << 1 | (shifts & 0x55555555u), odd = (low & 0xaaaaaaaau) | (shifts >> 1 & 0x55555555u);
    for (int f = 0; f < 8; f++) {
        vu high = (vu)record_vector(record + 128, part, 3 * s + f / 4);
        u[f] = e8p_2_place(high, 2 * (f % 4), 3, 0x18) | e8p_2_place(f % 2 == 0 ? even : odd, 2 * (f / 2), 1, 0x06);
    }
}

VF_INLINE void e8p_2_scales(const uint8_t *record, int part, block_scales *to) { to->d = record_halves(record, part, 0); }
