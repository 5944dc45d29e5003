/* The AMX tile intrinsics in C: the semantics of the Intel SDM, with the checks that the hardware makes (#UD, #GP) as aborts. Tile
 * arguments are constants, as in the real intrinsics. For one thread. */
#ifndef SETUN_TEST_AMX_EMULATOR_H
#define SETUN_TEST_AMX_EMULATOR_H

#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct {
    int configured;
    uint16_t row_bytes[8];
    uint8_t rows[8];
    uint8_t data[8][16][64];
} amx;

static inline void amx_require(int holds) {
    if (!holds) {
        abort();
    }
}

static inline void amx_loadconfig(const void *memory) {
    const uint8_t *bytes = memory;
    amx_require(bytes[0] == 1 && bytes[1] == 0);
    memset(&amx, 0, sizeof amx);
    for (int tile = 0; tile < 8; tile++) {
        memcpy(&amx.row_bytes[tile], bytes + 16 + 2 * tile, 2);
        amx.rows[tile] = bytes[48 + tile];
        amx_require(amx.row_bytes[tile] <= 64 && amx.rows[tile] <= 16 && (amx.row_bytes[tile] == 0) == (amx.rows[tile] == 0));
    }
    amx.configured = 1;
}

static inline void amx_release(void) { memset(&amx, 0, sizeof amx); }

static inline void amx_zero(int tile) {
    amx_require(amx.configured && amx.rows[tile] > 0);
    memset(amx.data[tile], 0, sizeof amx.data[tile]);
}

static inline void amx_load(int tile, const void *base, int64_t stride) {
    amx_zero(tile);
    for (int r = 0; r < amx.rows[tile]; r++) {
        memcpy(amx.data[tile][r], (const char *)base + r * stride, amx.row_bytes[tile]);
    }
}

static inline void amx_store(int tile, void *base, int64_t stride) {
    amx_require(amx.configured && amx.rows[tile] > 0);
    for (int r = 0; r < amx.rows[tile]; r++) {
        memcpy((char *)base + r * stride, amx.data[tile][r], amx.row_bytes[tile]);
    }
}

/* c += a (signed bytes) * b (unsigned bytes) */
static inline void amx_dpbsud(int c, int a, int b) {
    amx_require(amx.configured && amx.rows[c] == amx.rows[a] && amx.row_bytes[c] == amx.row_bytes[b]);
    amx_require(amx.row_bytes[a] == 4 * amx.rows[b]);
    for (int m = 0; m < amx.rows[c]; m++) {
        for (int k = 0; k < amx.row_bytes[a] / 4; k++) {
            for (int n = 0; n < amx.row_bytes[c] / 4; n++) {
                uint32_t sum;
                memcpy(&sum, &amx.data[c][m][4 * n], sizeof sum);
                for (int i = 0; i < 4; i++) {
                    sum += (uint32_t)((int8_t)amx.data[a][m][4 * k + i] * amx.data[b][k][4 * n + i]);
                }
                memcpy(&amx.data[c][m][4 * n], &sum, sizeof sum);
            }
        }
    }
}

/* bf16 as the hardware sees it: denormals count as 0. */
static inline float amx_bf16(const uint8_t *at) {
    uint32_t bits = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 24;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (bits & 0x7f800000) == 0 ? value * 0.0f : value;
}

static inline float amx_flush(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits & 0x7f800000) == 0 ? x * 0.0f : x;
}

/* c += a * b: the even and the odd values of a row are summed apart, then together, then added. */
static inline void amx_dpbf16ps(int c, int a, int b) {
    amx_require(amx.configured && amx.rows[c] == amx.rows[a] && amx.row_bytes[c] == amx.row_bytes[b]);
    amx_require(amx.row_bytes[a] == 4 * amx.rows[b]);
    for (int m = 0; m < amx.rows[c]; m++) {
        for (int n = 0; n < amx.row_bytes[c] / 4; n++) {
            float sum[2] = {0}, before;
            for (int k = 0; k < amx.row_bytes[a] / 4; k++) {
                for (int i = 0; i < 2; i++) {
                    sum[i] = amx_flush(sum[i] + amx_bf16(&amx.data[a][m][4 * k + 2 * i]) * amx_bf16(&amx.data[b][k][4 * n + 2 * i]));
                }
            }
            memcpy(&before, &amx.data[c][m][4 * n], sizeof before);
            before = amx_flush(before + amx_flush(sum[0] + sum[1]));
            memcpy(&amx.data[c][m][4 * n], &before, sizeof before);
        }
    }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbsud
#undef _tile_dpbf16ps
#define _tile_loadconfig(memory) amx_loadconfig(memory)
#define _tile_release() amx_release()
#define _tile_zero(tile) amx_zero(tile)
#define _tile_loadd(tile, base, stride) amx_load(tile, base, stride)
#define _tile_stored(tile, base, stride) amx_store(tile, base, stride)
#define _tile_dpbsud(c, a, b) amx_dpbsud(c, a, b)
#define _tile_dpbf16ps(c, a, b) amx_dpbf16ps(c, a, b)

#endif
