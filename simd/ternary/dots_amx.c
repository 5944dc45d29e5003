/* AMX-INT8: tdpbsud multiplies 16 tokens by 16 rows of w over 64 values. q is loaded as it lies (a token is a tile row); a panel of 32 rows
 * of w is unpacked once, for all tokens of the call, into B tiles, whose row r holds values 4r .. 4r+3 of 16 rows of w. The packed bytes are
 * transposed before the planes are unpacked: a quarter of the work.
 * Tiles: 0..3 sums (tokens 0-15/16-31 by rows 0-15/16-31), 4..5 tokens, 6..7 rows. */
#include "simd/common/amx_intrinsics.h"

#include <string.h>

#include "kernels.h"
#include "simd/common/transpose16.h"

enum { TILE = 16, TILE_BYTES = 1024, TOKENS = 2 * TILE };

typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

/* The intrinsics do not tell the compiler which memory they read (gcc 12 even drops the stores into a configuration on the stack). */
static inline void publish(const void *memory) { __asm__ volatile("" ::"r"(memory) : "memory"); }

/* Tiles for `low` + `high` tokens, each at most 16. An unused half keeps one row: none is not allowed. */
static void configure(int64_t low, int64_t high) {
    _Alignas(64) tile_config config = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) {
        config.row_bytes[tile] = 64;
        config.rows[tile] = TILE;
    }
    config.rows[0] = config.rows[1] = config.rows[4] = (uint8_t)low;
    config.rows[2] = config.rows[3] = config.rows[5] = (uint8_t)(high > 0 ? high : 1);
    publish(&config);
    _tile_loadconfig(&config);
}

/* Up to 32 rows of w -> B tiles [kp/64][2]; missing rows are zeros. */
static void unpack_panel(const uint8_t *w, int64_t kp, int64_t rows, uint8_t *panel) {
    for (int64_t block = 0; block < kp / TERNARY_BLOCK; block++) {
        for (int half = 0; half < 2; half++) {
            __m512i v[TILE];
            for (int i = 0; i < TILE; i++) {
                int64_t r = half * TILE + i;
                v[i] = r < rows ? _mm512_loadu_si512(w + ternary_row(kp, r) + block * TERNARY_STEP) : _mm512_setzero_si512();
            }
            transpose16(v);
            for (int plane = 0; plane < 4; plane++) {
                uint8_t *tile = panel + ((block * 4 + plane) * 2 + half) * TILE_BYTES;
                for (int i = 0; i < TILE; i++) {
                    __m512i codes = _mm512_and_si512(_mm512_srl_epi16(v[i], _mm_cvtsi32_si128(2 * plane)), _mm512_set1_epi8(3));
                    _mm512_store_si512(tile + i * 64, codes);
                }
            }
        }
    }
}

/* Stores a tile of sums, through a buffer if the panel is narrower than the tile. */
#define STORE(tile, dots, ld, tokens, width)                                                             \
    do {                                                                                                 \
        if ((width) >= TILE) {                                                                           \
            _tile_stored(tile, dots, (ld) * (int64_t)sizeof *(dots));                                    \
        } else {                                                                                         \
            int32_t buffer[TILE * TILE];                                                                 \
            _tile_stored(tile, buffer, TILE * sizeof *buffer);                                           \
            publish(buffer);                                                                             \
            for (int64_t t_ = 0; (width) > 0 && t_ < (tokens); t_++) {                                   \
                memcpy((dots) + t_ * (ld), buffer + t_ * TILE, (size_t)(width) * sizeof *buffer);        \
            }                                                                                            \
        }                                                                                                \
    } while (0)

/* low + high tokens by `width` rows; dots: first token, first row. */
static void multiply(const uint8_t *panel, int64_t kp, int64_t width, const int8_t *q, int64_t ldq, int64_t low, int64_t high,
                     int32_t *dots, int64_t ld) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t k = 0; k < kp; k += 64) {
        _tile_loadd(6, panel + k * 2 * TILE, 64);
        _tile_loadd(7, panel + k * 2 * TILE + TILE_BYTES, 64);
        _tile_loadd(4, q + k, ldq);
        _tile_dpbsud(0, 4, 6);
        _tile_dpbsud(1, 4, 7);
        if (high > 0) {
            _tile_loadd(5, q + TILE * ldq + k, ldq);
            _tile_dpbsud(2, 5, 6);
            _tile_dpbsud(3, 5, 7);
        }
    }
    STORE(0, dots, ld, low, width);
    STORE(1, dots + TILE, ld, low, width - TILE);
    if (high > 0) {
        STORE(2, dots + TILE * ld, ld, high, width);
        STORE(3, dots + TILE * ld + TILE, ld, high, width - TILE);
    }
}

TERNARY_DOTS(amx) {
    if (cols < TERNARY_FEWEST_TOKENS) { /* tiles would be mostly empty; the limit is from instruction counts, not yet measured */
        ternary_dots_avx512(w, kp, rows, q, ldq, cols, dots, scratch);
        return;
    }
    int64_t whole = cols / TOKENS * TOKENS, rest = cols - whole;
    int64_t low = rest < TILE ? rest : TILE, high = rest - low;
    for (int64_t r = 0; r < rows; r += TERNARY_AMX_ROWS) {
        int64_t width = rows - r < TERNARY_AMX_ROWS ? rows - r : TERNARY_AMX_ROWS;
        unpack_panel(w + ternary_row(kp, r), kp, width, scratch);
        publish(scratch);
        if (whole > 0) {
            configure(TILE, TILE);
            for (int64_t c = 0; c < whole; c += TOKENS) {
                multiply(scratch, kp, width, q + c * ldq, ldq, TILE, TILE, dots + c * rows + r, rows);
            }
        }
        if (rest > 0) {
            configure(low, high);
            multiply(scratch, kp, width, q + whole * ldq, ldq, low, high, dots + whole * rows + r, rows);
        }
    }
    _tile_release();
}
