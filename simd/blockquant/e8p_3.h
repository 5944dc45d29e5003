/* E8P with 3 bits per value: integers of at most 15 in magnitude, in five bits. */
#include "e8p.h"

#define E8P_3_FILE_VALUES 256
#define E8P_3_FILE_BYTES 98
#define E8P_3_RECORD_BYTES (64 + 2560) /* 32 of them unused */
#define E8P_3_SUBS 1
#define E8P_3_SCALES BLOCK_SCALE_NONE
#define E8P_3_MINIMA 0
#define E8P_3_ZERO 15
#define E8P_3_WIDE 0
#define E8P_3_FIELDS 8

VF_INLINE void e8p_3_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) {
    (void)count;
    int integers[BLOCK_VALUES];
    uint8_t codes[BLOCK_VALUES];
    e8p_integers(data, 3, integers);
    for (int i = 0; i < BLOCK_VALUES; i++) {
        codes[i] = (uint8_t)(integers[i] + 15);
    }
    record_put_five(record + 64, row, codes);
    record_put_half(record, row, data + 96);
}

VF_INLINE void e8p_3_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    (void)c;
    record_fields_5(record + 64, part, s, u);
}

VF_INLINE void e8p_3_scales(const uint8_t *record, int part, block_scales *to) { to->d = record_halves(record, part, 0); }
