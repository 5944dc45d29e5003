/* Q4_K. In files: the head of record_put_k, then 128 bytes of codes: of each 32 bytes the low nibbles are 32 values, the high nibbles the next 32. */
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
    const uint8_t *nibbles = data + 16;
    uint8_t codes[BLOCK_VALUES];
    for (int i = 0; i < BLOCK_VALUES; i++) {
        codes[i] = nibbles[32 * (i / 64) + i % 32] >> 4 * (i / 32 % 2) & 15;
    }
    record_put(record + 256, row, 2, 1, 0, 4, codes, 0);
    record_put_k(record, row, data);
}

VF_INLINE void q4_k_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    vi v = record_vector(record + 256, part, 8 * c + s);
    u[0] = vi_field(v, 0, 4);
    u[1] = vi_field(v, 4, 4);
}

VF_INLINE void q4_k_scales(const uint8_t *record, int part, block_scales *to) { scales_k(record, part, to); }
