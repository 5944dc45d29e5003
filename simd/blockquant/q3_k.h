/* Q3_K. In files: 32 bytes of high bits, 64 of low bit pairs, 12 of scales, f16 d. Value 128h + 32n + l takes bits 2n, 2n + 1 of byte 32h + l of
 * the pairs and bit 4h + n of byte l of the high bits. Scale j is six bits: the low four are a nibble of byte j % 8, the high one for j >= 8,
 * the high two are bits 2(j / 4), 2(j / 4) + 1 of byte 8 + j % 4. */
#define Q3_K_FILE_VALUES 256
#define Q3_K_FILE_BYTES 110
#define Q3_K_RECORD_BYTES (192 + 64 + 1536) /* 32 of them unused: records keep to whole lines */
#define Q3_K_SUBS 16
#define Q3_K_SCALES BLOCK_SCALE_WHOLE
#define Q3_K_MINIMA 0
#define Q3_K_ZERO 4
#define Q3_K_WIDE 0
#define Q3_K_FIELDS 8

VF_INLINE void q3_k_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) {
    (void)count;
    const uint8_t *scales = data + 96;
    uint8_t codes[BLOCK_VALUES], six[16];
    for (int i = 0; i < BLOCK_VALUES; i++) {
        int low = data[32 + 32 * (i / 128) + i % 32] >> 2 * (i / 32 % 4) & 3, high = data[i % 32] >> i / 32 & 1;
        codes[i] = (uint8_t)(low | high << 2);
    }
    for (int j = 0; j < 16; j++) {
        six[j] = (uint8_t)((scales[j % 8] >> 4 * (j / 8) & 15) | (scales[8 + j % 4] >> 2 * (j / 4) & 3) << 4);
    }
    record_put(record + 256, row, 8, 3, 0, 2, codes, 0);
    record_put(record + 256, row, 8, 3, 2, 1, codes, 2);
    record_put_six(record, row, six);
    record_put_half(record + 192, row, data + 108);
}

VF_INLINE void q3_k_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    (void)c;
    record_fields_3(record + 256, part, s, u);
}

VF_INLINE void q3_k_scales(const uint8_t *record, int part, block_scales *to) {
    for (int v = 0; v < 4; v++) {
        record_bytes(record_six(record, part, v), to->whole + 4 * v);
        for (int j = 4 * v; j < 4 * v + 4; j++) {
            to->whole[j] -= 32;
        }
    }
    to->d = record_halves(record + 192, part, 0);
}
