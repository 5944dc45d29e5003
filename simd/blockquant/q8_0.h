/* Q8_0. In files: f16 d, 32 int8 codes, for every 32 values. */
#define Q8_0_FILE_VALUES 32
#define Q8_0_FILE_BYTES 34
#define Q8_0_RECORD_BYTES (256 + 4096)
#define Q8_0_SUBS 8                  /* sub-blocks of a block */
#define Q8_0_SCALES BLOCK_SCALE_REAL /* d per sub-block */
#define Q8_0_MINIMA 0
#define Q8_0_ZERO 128 /* the code of 0 */
#define Q8_0_WIDE 1   /* codes above 127 */
#define Q8_0_FIELDS 1 /* runs of 32 values that come out of one vector */

VF_INLINE void q8_0_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) {
    uint8_t codes[BLOCK_VALUES] = {0};
    for (int64_t j = 0; j < count; j++, data += Q8_0_FILE_BYTES) {
        record_put_half(record + 32 * j, row, data);
        for (int i = 0; i < 32; i++) {
            codes[32 * j + i] = data[2 + i] ^ 0x80;
        }
    }
    record_put(record + 256, row, 1, 1, 0, 8, codes, 0);
}

VF_INLINE void q8_0_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    u[0] = record_vector(record + 256, part, 8 * c + s);
}

VF_INLINE void q8_0_scales(const uint8_t *record, int part, block_scales *to) {
    for (int j = 0; j < 8; j++) {
        to->real[j] = record_halves(record, part, j);
    }
}
