/* The register block of micro_bf16.h on AMX-BF16: 32 rows by 32 columns. Tiles: 0..3 sums, 4 and 5 rows of A, 6 and 7 columns of B. */
#ifndef SETUN_MICRO_BF16_AMX_H
#define SETUN_MICRO_BF16_AMX_H

#include "simd/common/amx_intrinsics.h"

#define BF_ROWS 32

/* The configuration is static because gcc 12 does not see that ldtilecfg reads it. */
VF_INLINE void bf_tiles_begin(void) {
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config __attribute__((used, aligned(64))) = {
        .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
}

VF_INLINE void bf_tiles_end(void) { _tile_release(); }

VF_INLINE void bf_product(int64_t k, const bf_value *a, int64_t lda, const bf_value *b, vf acc[BF_ROWS][BF_VECS]) {
    enum { TILE = 16, PANEL_ROW = 2 * BF_COLS * (int)sizeof(bf_value), ACC_ROW = BF_COLS * (int)sizeof(float) };
    const int64_t a_row = lda * (int64_t)sizeof *a;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    /* The intrinsics do not tell the compiler which memory they touch. */
    __asm__ volatile("" ::"r"(a), "r"(b) : "memory");
    for (int64_t p = 0; p < k; p += BF_DEPTH, a += BF_DEPTH, b += BF_DEPTH * BF_COLS) {
        _tile_loadd(6, b, PANEL_ROW);
        _tile_loadd(7, b + BF_COLS, PANEL_ROW);
        _tile_loadd(4, a, a_row);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, a + TILE * lda, a_row);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, &acc[0][0], ACC_ROW);
    _tile_stored(1, &acc[0][1], ACC_ROW);
    _tile_stored(2, &acc[TILE][0], ACC_ROW);
    _tile_stored(3, &acc[TILE][1], ACC_ROW);
    __asm__ volatile("" ::"r"(acc) : "memory");
}

#endif
