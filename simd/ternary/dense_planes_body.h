/* From the dense layout to planes, in plain C over whole vectors of bytes, compiled once per tier: NAME(x) is x_<tier>. */
#include <string.h>

#include "dense.h"

/* One tile: digits[half][triple][position]. */
static void NAME(unpack_tile)(const uint8_t *restrict tile, uint8_t digits[2][4][DENSE_HALF]) {
    for (int j = 0; j < DENSE_HALF; j++) {
        uint8_t index[2][4];
        dense_take(tile, j, index);
#pragma GCC unroll 2
        for (int half = 0; half < 2; half++) {
#pragma GCC unroll 4
            for (int triple = 0; triple < 4; triple++) {
                digits[half][triple][j] = dense_digits(index[half][triple]);
            }
        }
    }
}

void NAME(ternary_dense_planes)(const uint8_t *w, int64_t k, int64_t rows, uint8_t *planes) {
    int64_t kp = ternary_padded(k), tiles = dense_tiles(k);
    for (int64_t group = 0; group < dense_groups(rows); group++) {
        for (int64_t tile = 0; tile < tiles; tile += 2) {
            uint8_t digits[2][2][4][DENSE_HALF]; /* of two tiles: one block of each row */
            NAME(unpack_tile)(w + dense_group(k, group) + tile * DENSE_TILE_BYTES, digits[0]);
            if (tile + 1 < tiles) {
                NAME(unpack_tile)(w + dense_group(k, group) + (tile + 1) * DENSE_TILE_BYTES, digits[1]);
            } else {
                memset(digits[1], 1 + 4 + 16, sizeof digits[1]);
            }
            for (int row = 0; row < DENSE_ROWS; row++) {
                const uint8_t *a = digits[0][0][row / 3], *b = digits[0][1][row / 3];
                const uint8_t *c = digits[1][0][row / 3], *d = digits[1][1][row / 3];
                uint8_t *restrict to = planes + ternary_row(kp, group * DENSE_ROWS + row) + tile / 2 * TERNARY_STEP;
                int shift = row % 3 * 2;
                for (int j = 0; j < DENSE_HALF; j++) {
                    to[j] = (uint8_t)((a[j] >> shift & 3) | (b[j] >> shift & 3) << 2 | (c[j] >> shift & 3) << 4 | (d[j] >> shift & 3) << 6);
                }
            }
        }
    }
}
