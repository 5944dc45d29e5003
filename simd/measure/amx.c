/* AMX-INT8 for the dot products, AVX-512 for the rest. */
#include <immintrin.h>
#include <stdint.h>

typedef __m512 fvec;
#define TIER amx
#define ISA SETUN_ISA_AMX
#define FMA(a, b, sum) _mm512_fmadd_ps(a, b, sum)
#define KEEP(v) __asm__ volatile("" : "+v"(v))
#define OWN_DOT

/* Four tiles of sums, as the ternary kernel has. A configuration is static because gcc 12 does not see that ldtilecfg reads it. */
static int64_t dot_int8_amx(int64_t rounds) {
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config __attribute__((used, aligned(64))) = {
        .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (int64_t i = 0; i < rounds; i++) {
        _tile_dpbsud(0, 4, 6);
        _tile_dpbsud(1, 4, 7);
        _tile_dpbsud(2, 5, 6);
        _tile_dpbsud(3, 5, 7);
    }
    _tile_release();
    return rounds * 4 * 16 * 16 * 64;
}

#include "probes_body.h"
