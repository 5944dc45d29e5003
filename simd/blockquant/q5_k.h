/* Q5_K. In files: as Q4_K, with 32 bytes of fifth bits before the nibbles; bit j of byte l of these belongs to value 32j + l. */
#define Q5_K_FILE_VALUES 256
#define Q5_K_FILE_BYTES 176
#define Q5_K_RECORD_BYTES (192 + 64 + 2560)
#define Q5_K_SUBS 8
#define Q5_K_SCALES BLOCK_SCALE_WHOLE
#define Q5_K_MINIMA 1
#define Q5_K_ZERO 0
#define Q5_K_WIDE 0
#define Q5_K_FIELDS 8

VF_INLINE void q5_k_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) {
    (void)count;
    const uint8_t *high = data + 16, *nibbles = data + 48;
    uint8_t codes[BLOCK_VALUES];
    for (int i = 0; i < BLOCK_VALUES; i++) {
        int low = nibbles[32 * (i / 64) + i % 32] >> 4 * (i / 32 % 2) & 15;
        codes[i] = (uint8_t)(low | (high[i % 32] >> i / 32 & 1) << 4);
    }
    record_put_five(record + 256, row, codes);
    record_put_k(record, row, data);
}

VF_INLINE void q5_k_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    (void)c;
    record_fields_5(record + 256, part, s, u);
}

VF_INLINE void q5_k_scales(const uint8_t *record, int part, block_scales *to) { scales_k(record, part, to); }
