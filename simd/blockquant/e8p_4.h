/* E8P with 4 bits per value: integers of at most 99 in magnitude, in bytes. */
#include "e8p.h"

#define E8P_4_FILE_VALUES 256
#define E8P_4_FILE_BYTES 130
#define E8P_4_RECORD_BYTES (64 + 4096) /* 32 of them unused */
#define E8P_4_SUBS 1
#define E8P_4_SCALES BLOCK_SCALE_NONE
#define E8P_4_MINIMA 0
#define E8P_4_ZERO 128
#define E8P_4_WIDE 1
#define E8P_4_FIELDS 1

VF_INLINE void e8p_4_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) {
    (void)count;
    int integers[BLOCK_VALUES];
    uint8_t codes[BLOCK_VALUES];
    e8p_integers(data, 4, integers);
    for (int i = 0; i < BLOCK_VALUES; i++) {
        codes[i] = (uint8_t)(integers[i] + 128);
    }
    record_put(record + 64, row, 1, 1, 0, 8, codes, 0);
    record_put_half(record, row, data + 128);
}

VF_INLINE void e8p_4_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    u[0] = record_vector(record + 64, part, 8 * c + s);
}

VF_INLINE void e8p_4_scales(const uint8_t *record, int part, block_scales *to) { to->d = record_halves(record, part, 0); }
