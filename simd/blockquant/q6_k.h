/* Q6_K. In files: 128 bytes of low nibbles, 64 of high bit pairs, 16 int8 scales, f16 d. Value 128h + 32n + l takes a nibble of byte
 * 64h + 32(n % 2) + l, the high one for n >= 2, and bits 2n, 2n + 1 of byte 32h + l of the pairs. */
#define Q6_K_FILE_VALUES 256
#define Q6_K_FILE_BYTES 210
#define Q6_K_RECORD_BYTES (256 + 64 + 3072) /* 32 of them unused: records keep to whole lines */
#define Q6_K_SUBS 16
#define Q6_K_SCALES BLOCK_SCALE_WHOLE
#define Q6_K_MINIMA 0
#define Q6_K_ZERO 32
#define Q6_K_WIDE 0
#define Q6_K_FIELDS 4

VF_INLINE void q6_k_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) {
    (void)count;
    uint8_t codes[BLOCK_VALUES];
    for (int i = 0; i < BLOCK_VALUES; i++) {
        int h = i / 128, n = i / 32 % 4, l = i % 32;
        int low = data[64 * h + 32 * (n % 2) + l] >> 4 * (n / 2) & 15, high = data[128 + 32 * h + l] >> 2 * n & 3;
        codes[i] = (uint8_t)(low | high << 4);
    }
    record_put(record + 320, row, 4, 3, 0, 4, codes, 0);
    record_put(record + 320, row, 4, 3, 2, 2, codes, 4);
    for (int j = 0; j < 16; j++) {
        record[64 * (j / 4) + 4 * row + j % 4] = data[192 + j];
    }
    record_put_half(record + 256, row, data + 208);
}

VF_INLINE void q6_k_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    vi high = record_vector(record + 320, part, 3 * (8 * c + s) + 2);
    for (int p = 0; p < 2; p++) {
        vi low = record_vector(record + 320, part, 3 * (8 * c + s) + p);
        u[2 * p] = vi_field(low, 0, 4) | vi_moved(high, 4 * p, 4, 2);
        u[2 * p + 1] = vi_field(low, 4, 4) | vi_moved(high, 4 * p + 2, 4, 2);
    }
}

VF_INLINE void q6_k_scales(const uint8_t *record, int part, block_scales *to) {
    for (int j = 0; j < 16; j++) {
        to->whole[j] = vi_signed_byte(record_vector(record, part, j / 4), j % 4);
    }
    to->d = record_halves(record + 256, part, 0);
}
