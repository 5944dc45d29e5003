/* AMX-INT8 and AMX-BF16 for the dot products, AVX-512 for the rest. */
#include <immintrin.h>
#include <stdint.h>

typedef __m512 fvec;
#define TIER amx
#define ISA SETUN_ISA_AMX
#define FMA(a, b, sum) _mm512_fmadd_ps(a, b, sum)
#define KEEP(v) __asm__ volatile("" : "+v"(v))
#define STREAM(to, v) _mm512_stream_ps((float *)(to), v)
#define OWN_DOTS

/* Eight full tiles of zeros. The configuration is static because gcc 12 does not see that ldtilecfg reads it. */
static void begin_tiles(void) {
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
}

/* Four tiles of sums, as the kernels have. */
#define FOUR_SUMS(dot)                                                                                                                     \
    dot(0, 4, 6);                                                                                                                          \
    dot(1, 4, 7);                                                                                                                          \
    dot(2, 5, 6);                                                                                                                          \
    dot(3, 5, 7)

static int64_t dot_int8_amx(int64_t rounds) {
    begin_tiles();
    for (int64_t i = 0; i < rounds; i++) {
        FOUR_SUMS(_tile_dpbsud);
    }
    _tile_release();
    return rounds * 4 * 16 * 16 * 64;
}

static int64_t dot_bf16_amx(int64_t rounds) {
    begin_tiles();
    for (int64_t i = 0; i < rounds; i++) {
        FOUR_SUMS(_tile_dpbf16ps);
    }
    _tile_release();
    return rounds * 4 * 16 * 16 * 32;
}

#include "probes_body.h"
