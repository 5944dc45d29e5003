/* Q4_0. In files: f16 d, 16 bytes, for every 32 values; the low nibbles are values 0 .. 15. */
#define Q4_0_FILE_VALUES 32
#define Q4_0_FILE_BYTES 18
#define Q4_0_RECORD_BYTES (256 + 2048)
#define Q4_0_SUBS 8
#define Q4_0_SCALES BLOCK_SCALE_REAL
#define Q4_0_MINIMA 0
#define Q4_0_ZERO 8
#define Q4_0_WIDE 0
#define Q4_0_FIELDS 2

VF_INLINE void q4_0_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) {
    uint8_t codes[BLOCK_VALUES] = {0};
    for (int64_t j = 0; j < count; j++, data += Q4_0_FILE_BYTES) {
        record_put_half(record + 32 * j, row, data);
        for (int i = 0; i < 16; i++) {
            codes[32 * j + i] = data[2 + i] & 15;
            codes[32 * j + 16 + i] = data[2 + i] >> 4;
        }
    }
    record_put(record + 256, row, 2, 1, 0, 4, codes, 0);
}

VF_INLINE void q4_0_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    vi v = record_vector(record + 256, part, 8 * c + s);
    u[0] = vi_field(v, 0, 4);
    u[1] = vi_field(v, 4, 4);
}

VF_INLINE void q4_0_scales(const uint8_t *record, int part, block_scales *to) {
    for (int j = 0; j < 8; j++) {
        to->real[j] = record_halves(record, part, j);
    }
}
