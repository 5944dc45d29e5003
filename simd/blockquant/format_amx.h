/* AMX-INT8 for 16 columns at a time of one format, included by format_body.h: a step of the expanded codes is a row of a B tile as it lies, columns
 * are the rows of an A tile. A sub-block of 32 values is one tile product, whose sums then meet their scales in vectors; that pays from 32
 * values on, so that formats with scales per 16 keep to VNNI (from instruction counts, not yet measured).
 * Tiles: 0 sums, 1 columns, 2 codes. */
#define AMX_COLUMNS 16

enum { NAME(AMX_DEPTH) = BLOCK_VALUES / OF(SUBS) < 64 ? BLOCK_VALUES / OF(SUBS) : 64 }; /* values of one tile product */

static void NAME(configure)(void) {
    _Alignas(64) struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    config.row_bytes[0] = config.row_bytes[2] = 64;
    config.row_bytes[1] = NAME(AMX_DEPTH);
    config.rows[0] = config.rows[1] = AMX_COLUMNS;
    config.rows[2] = NAME(AMX_DEPTH) / 4;
    amx_publish(&config);
    _tile_loadconfig(&config);
}

static void NAME(sixteen)(const NAME(tile) * tile, const int8_t *q, int64_t ldq, const block_side *side, float *y, int64_t ldy) {
    for (int v = 0; v < BLOCK_VECTORS; v++) {
        vf real[AMX_COLUMNS];
        vi whole[AMX_COLUMNS];
        _Alignas(64) int32_t sums[AMX_COLUMNS * 16];
        for (int c = 0; c < AMX_COLUMNS; c++) {
            real[c] = vf_set1(0);
            whole[c] = vi_set1(0);
        }
        for (int j = 0; j < OF(SUBS); j++) {
            _tile_zero(0);
            for (int i = BLOCK_VALUES / OF(SUBS) * j; i < BLOCK_VALUES / OF(SUBS) * (j + 1); i += NAME(AMX_DEPTH)) {
                _tile_loadd(1, q + i, ldq);
                _tile_loadd(2, &tile->codes[i / 4][v], sizeof tile->codes[0]);
                _tile_dpbsud(0, 1, 2);
            }
            _tile_stored(0, sums, 64);
            amx_publish(sums);
            for (int c = 0; c < AMX_COLUMNS; c++) {
                vi sum = vi_load(sums + 16 * c) + vi_set1(side[c].offset[j]);
                if (OF(SCALES) == BLOCK_SCALE_REAL) {
                    real[c] += tile->real[j % 8][v] * vf_of(sum);
                } else {
                    whole[c] += OF(SCALES) == BLOCK_SCALE_WHOLE ? tile->whole[j][v] * sum : sum;
                }
            }
        }
        for (int c = 0; c < AMX_COLUMNS; c++) {
            NAME(add)(tile, v, real[c], whole[c], side + c, y + c * ldy + v * VF_LANES);
        }
    }
}

#undef AMX_COLUMNS
