/* Q2_K. In files: 16 bytes, scale in the low and minimum in the high nibble, per 16 values; 64 bytes of codes; f16 d, f16 dmin. Value
 * 128h + 32n + l takes bits 2n, 2n + 1 of byte 32h + l. */
#define Q2_K_FILE_VALUES 256
#define Q2_K_FILE_BYTES 84
#define Q2_K_RECORD_BYTES (256 + 64 + 1024)
#define Q2_K_SUBS 16
#define Q2_K_SCALES BLOCK_SCALE_WHOLE
#define Q2_K_MINIMA 1
#define Q2_K_ZERO 0
#define Q2_K_WIDE 0
#define Q2_K_FIELDS 4

VF_INLINE void q2_k_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) {
    (void)count;
    uint8_t codes[BLOCK_VALUES];
    for (int i = 0; i < BLOCK_VALUES; i++) {
        codes[i] = data[16 + 32 * (i / 128) + i % 32] >> 2 * (i / 32 % 4) & 3;
    }
    record_put(record + 320, row, 4, 1, 0, 2, codes, 0);
    for (int j = 0; j < 16; j++) {
        record[64 * (j / 4) + 4 * row + j % 4] = data[j];
    }
    record_put_half(record + 256, row, data + 80);
    record_put_half(record + 288, row, data + 82);
}

VF_INLINE void q2_k_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    fields_2(record_vector(record + 320, part, 8 * c + s), u);
}

VF_INLINE void q2_k_scales(const uint8_t *record, int part, block_scales *to) {
    for (int v = 0; v < 4; v++) {
        vi both = record_vector(record, part, v);
        record_bytes(vi_field(both, 0, 4), to->whole + 4 * v);
        record_pairs(vi_field(both, 4, 4), to->minima + 2 * v);
    }
    to->d = record_halves(record + 256, part, 0);
    to->e = record_halves(record + 256, part, 1);
}
