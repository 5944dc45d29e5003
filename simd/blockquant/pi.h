/* Pi formats (setun/pi.h). In files: 256 codes of 2 or 3 bits, least significant bit first, then the f16 step. pi-q: levels are the codes less
 * their half. pi-tan: levels are looked up in the parameters, where each lies in a byte, PI_LEVELS_ZERO higher, at the place of its code. */
#define PI_Q2_FILE_VALUES 256
#define PI_Q2_FILE_BYTES 66
#define PI_Q2_RECORD_BYTES (64 + 1024) /* 32 of them unused: records keep to whole lines */
#define PI_Q2_SUBS 1
#define PI_Q2_SCALES BLOCK_SCALE_NONE
#define PI_Q2_MINIMA 0
#define PI_Q2_ZERO 2
#define PI_Q2_WIDE 0
#define PI_Q2_FIELDS 4

#define PI_Q3_FILE_VALUES 256
#define PI_Q3_FILE_BYTES 98
#define PI_Q3_RECORD_BYTES (64 + 1536)
#define PI_Q3_SUBS 1
#define PI_Q3_SCALES BLOCK_SCALE_NONE
#define PI_Q3_MINIMA 0
#define PI_Q3_ZERO 4
#define PI_Q3_WIDE 0
#define PI_Q3_FIELDS 8

enum { PI_LEVELS_ZERO = 128 };

/* The tangent grids for normally distributed weights, number i in byte i: 38, 127; and 14, 44, 80, 127. */
enum { PI_TAN2_NORMAL = 0x7f26, PI_TAN3_NORMAL = 0x7f502c0e };

#define PI_TAN2_FILE_VALUES PI_Q2_FILE_VALUES
#define PI_TAN2_FILE_BYTES PI_Q2_FILE_BYTES
#define PI_TAN2_RECORD_BYTES PI_Q2_RECORD_BYTES
#define PI_TAN2_SUBS 1
#define PI_TAN2_SCALES BLOCK_SCALE_NONE
#define PI_TAN2_MINIMA 0
#define PI_TAN2_ZERO PI_LEVELS_ZERO
#define PI_TAN2_WIDE 1
#define PI_TAN2_FIELDS PI_Q2_FIELDS

#define PI_TAN3_FILE_VALUES PI_Q3_FILE_VALUES
#define PI_TAN3_FILE_BYTES PI_Q3_FILE_BYTES
#define PI_TAN3_RECORD_BYTES PI_Q3_RECORD_BYTES
#define PI_TAN3_SUBS 1
#define PI_TAN3_SCALES BLOCK_SCALE_NONE
#define PI_TAN3_MINIMA 0
#define PI_TAN3_ZERO PI_LEVELS_ZERO
#define PI_TAN3_WIDE 1
#define PI_TAN3_FIELDS PI_Q3_FIELDS

VF_INLINE void pi_q2_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) {
    (void)count;
    uint8_t codes[BLOCK_VALUES];
    for (int i = 0; i < BLOCK_VALUES; i++) {
        codes[i] = data[i / 4] >> 2 * (i % 4) & 3;
    }
    record_put(record + 64, row, 4, 1, 0, 2, codes, 0);
    record_put_half(record, row, data + 64);
}

VF_INLINE void pi_q3_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) {
    (void)count;
    uint8_t codes[BLOCK_VALUES];
    for (int i = 0; i < BLOCK_VALUES; i++) {
        const uint8_t *group = data + i / 8 * 3;
        codes[i] = (group[0] | group[1] << 8 | group[2] << 16) >> 3 * (i % 8) & 7;
    }
    record_put(record + 64, row, 8, 3, 0, 2, codes, 0);
    record_put(record + 64, row, 8, 3, 2, 1, codes, 2);
    record_put_half(record, row, data + 96);
}

VF_INLINE void pi_q2_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    fields_2(record_vector(record + 64, part, 8 * c + s), u);
}

VF_INLINE void pi_q3_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)parameters;
    (void)c;
    record_fields_3(record + 64, part, s, u);
}

VF_INLINE void pi_q2_scales(const uint8_t *record, int part, block_scales *to) { to->d = record_halves(record, part, 0); }
VF_INLINE void pi_q3_scales(const uint8_t *record, int part, block_scales *to) { to->d = record_halves(record, part, 0); }

/* The levels of all codes for look-ups, from the magnitudes in the bytes of the parameter; 0: the default ones. */
VF_INLINE void pi_tan_levels(int32_t parameter, int half, uint8_t *parameters) {
    for (int i = 0; i < BLOCK_PARAMETERS; i++) {
        int code = i % (2 * half), magnitude = parameter >> 8 * (code >= half ? code - half : half - 1 - code) & 127;
        parameters[i] = (uint8_t)(PI_LEVELS_ZERO + (code >= half ? magnitude : -magnitude));
    }
}

VF_INLINE void pi_tan2_parameters(int32_t parameter, uint8_t *parameters) {
    pi_tan_levels(parameter == 0 ? PI_TAN2_NORMAL : parameter, 2, parameters);
}

VF_INLINE void pi_tan3_parameters(int32_t parameter, uint8_t *parameters) {
    pi_tan_levels(parameter == 0 ? PI_TAN3_NORMAL : parameter, 4, parameters);
}

VF_INLINE void pi_tan2_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) { pi_q2_pack(data, count, row, record); }
VF_INLINE void pi_tan3_pack(const uint8_t *data, int64_t count, int row, uint8_t *record) { pi_q3_pack(data, count, row, record); }

VF_INLINE void pi_tan2_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    fields_2_of(vi_load(parameters), record_vector(record + 64, part, 8 * c + s), u);
}

VF_INLINE void pi_tan3_codes(const uint8_t *parameters, const uint8_t *record, int part, int c, int s, vi *u) {
    (void)c;
    record_fields_3_of(vi_load(parameters), record + 64, part, s, u);
}

VF_INLINE void pi_tan2_scales(const uint8_t *record, int part, block_scales *to) { pi_q2_scales(record, part, to); }
VF_INLINE void pi_tan3_scales(const uint8_t *record, int part, block_scales *to) { pi_q3_scales(record, part, to); }
