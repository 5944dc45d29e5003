/* Q4_K. In files: f16 d, f16 dmin, 12 bytes of scales and minima, 128 bytes of codes. Of each 32 of those bytes the low nibbles are 32 values,
 * the high nibbles the next 32. Scale j < 4 is the low six bits of byte j, minimum j < 4 those of byte 4 + j; for j >= 4 the low four bits are
 * the low (scale) and high (minimum) nibble of byte 4 + j, and the high two are those of bytes j - 4 and j. */
#define Q4_K_FILE_VALUES 256
#define Q4_K_FILE_BYTES 144
#define Q4_K_RECORD_BYTES (192 + 64 + 2048)
#define Q4_K_SUBS 8
#define Q4_K_SCALES BLOCK_SCALE_WHOLE
#define Q4_K_MINIMA 1
#define Q4_K_ZERO 0
#define Q4_K_WIDE 0
#define Q4_K_FIELDS 2

VF_INLINE void q4_k_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) {
    (void)count;
    const uint8_t *packed = data + 4, *nibbles = data + 16;
    uint8_t six[16], codes[BLOCK_VALUES];
    for (int j = 0; j < 4; j++) {
        six[j] = packed[j] & 63;
        six[8 + j] = packed[4 + j] & 63;
        six[4 + j] = (uint8_t)((packed[8 + j] & 15) | packed[j] >> 6 << 4);
        six[12 + j] = (uint8_t)(packed[8 + j] >> 4 | packed[4 + j] >> 6 << 4);
    }
    for (int i = 0; i < BLOCK_VALUES; i++) {
        codes[i] = nibbles[32 * (i / 64) + i % 32] >> 4 * (i / 32 % 2) & 15;
    }
    record_put(record + 256, row, 2, 1, 0, 4, codes, 0);
    record_put_six(record, row, six);
    record_put_half(record + 192, row, data);
    record_put_half(record + 224, row, data + 2);
}

VF_INLINE void q4_k_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    vi v = record_vector(record + 256, part, 8 * c + s);
    u[0] = vi_field(v, 0, 4);
    u[1] = vi_field(v, 4, 4);
}

VF_INLINE void q4_k_scales(const uint8_t *record, int part, block_scales *to) {
    for (int v = 0; v < 2; v++) {
        record_bytes(record_six(record, part, v), to->whole + 4 * v);
        record_pairs(record_six(record, part, 2 + v), to->minima + 2 * v);
    }
    to->d = record_halves(record + 192, part, 0);
    to->e = record_halves(record + 192, part, 1);
}
