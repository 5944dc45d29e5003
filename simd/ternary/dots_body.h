/* The integer products of one tier, written once over the tier's vectors. A file that includes this defines
 *   TIER, ROWS, COLS   its name; the register tile: ROWS (2 or 4) rows of w by COLS rows of q; a single row of q is met by a whole group
 *   vec                a vector of bytes (16, 32 or 64), also used for int32 lanes; ZERO(), ADD(a, b), LOAD(p)
 *   PLANE(v, i)        the bytes (v >> 2i) & 3
 *   DOT(sum, u, s)     sum + the products u*s of unsigned by signed bytes, in the lanes of WIDEN's argument
 *   WIDEN(sum)         those lanes as int32 lanes;  FOLD(v) the sum of the int32 lanes, modulo 2^32
 *   FLUSH_BLOCKS       after how many blocks of 256 the lanes of DOT must be widened; 0: never
 *   FOLD_ROWS(v, out)  optional: the folds of v[0 .. ROWS-1] to out[0 .. ROWS-1], cheaper than one by one
 * The tile unpacks each plane of w once for all its columns; one scale per tensor lets the sums run over all of k. */
#include <string.h>

#include "kernels.h"

#define INLINE static inline __attribute__((always_inline))
enum { VEC = sizeof(vec) };

/* `rows` rows, of which the first `live` are stored. */
INLINE void tile(const uint8_t *w, int64_t kp, const int8_t *q, int64_t ldq, int rows, int cols, int64_t live, int32_t *dots,
                 int64_t ld_dots) {
    int64_t blocks = kp / TERNARY_BLOCK;
    vec total[COLS][TERNARY_GROUP];
    for (int c = 0; c < cols; c++) {
        for (int r = 0; r < rows; r++) {
            total[c][r] = ZERO();
        }
    }
    int64_t first = 0;
    do {
        int64_t end = FLUSH_BLOCKS > 0 && blocks - first > FLUSH_BLOCKS ? first + FLUSH_BLOCKS : blocks;
        vec sum[COLS][TERNARY_GROUP];
        for (int c = 0; c < cols; c++) {
            for (int r = 0; r < rows; r++) {
                sum[c][r] = ZERO();
            }
        }
        for (int64_t b = first; b < end; b++) {
            for (int r = 0; r < rows; r++) { /* all at once: the loads below are too far apart for the processor to see them together */
                __builtin_prefetch(w + b * TERNARY_STEP + r * TERNARY_BLOCK_BYTES);
            }
            for (int part = 0; part < TERNARY_BLOCK_BYTES; part += VEC) {
                const uint8_t *bytes = w + b * TERNARY_STEP + part;
                const int8_t *values = q + b * TERNARY_BLOCK + part;
#pragma GCC unroll 4
                for (int plane = 0; plane < 4; plane++) {
                    vec codes[TERNARY_GROUP];
#pragma GCC unroll 8
                    for (int r = 0; r < rows; r++) {
                        codes[r] = PLANE(LOAD(bytes + r * TERNARY_BLOCK_BYTES), plane);
                    }
#pragma GCC unroll 8
                    for (int c = 0; c < cols; c++) {
                        vec x = LOAD(values + c * ldq + plane * TERNARY_PLANE);
#pragma GCC unroll 8
                        for (int r = 0; r < rows; r++) {
                            sum[c][r] = DOT(sum[c][r], codes[r], x);
                        }
                    }
                }
            }
        }
        for (int c = 0; c < cols; c++) {
            for (int r = 0; r < rows; r++) {
                total[c][r] = FLUSH_BLOCKS > 0 ? ADD(total[c][r], WIDEN(sum[c][r])) : WIDEN(sum[c][r]);
            }
        }
        first = end;
    } while (FLUSH_BLOCKS > 0 && first < blocks);
    for (int c = 0; c < cols; c++) {
#if defined(FOLD_ROWS)
        int32_t folded[TERNARY_GROUP];
        FOLD_ROWS(total[c], folded);
        if (live == rows) { /* usually, and then no loop */
            memcpy(dots + c * ld_dots, folded, (size_t)rows * sizeof *dots);
        } else {
            memcpy(dots + c * ld_dots, folded, (size_t)live * sizeof *dots);
        }
#else
        for (int r = 0; r < rows; r++) {
            int32_t folded = FOLD(total[c][r]);
            if (r < live) {
                dots[c * ld_dots + r] = folded;
            }
        }
#endif
    }
}

/* A tile of 2 .. COLS columns; constants, so that each case gets registers of its own. */
INLINE void strip(const uint8_t *w, int64_t kp, const int8_t *q, int64_t ldq, int rows, int64_t cols, int64_t live, int32_t *dots,
                  int64_t ld_dots) {
    switch (cols) {
#define CASE(n)                                                 \
    case n:                                                     \
        tile(w, kp, q, ldq, rows, n, live, dots, ld_dots);      \
        break;
        CASE(2)
        CASE(3)
        CASE(4)
#undef CASE
    default:
        __builtin_unreachable();
    }
}

#if !defined(SINGLE)
#define SINGLE(w, kp, rows, q, dots) false
#endif

/* Columns outermost: their q stays in the first cache while the rows of the chunk stream by. */
TERNARY_DOTS(TIER) {
    (void)scratch;
    if (cols == 1 && SINGLE(w, kp, rows, q, dots)) {
        return;
    }
    for (int64_t c = 0; c < cols; c += COLS) {
        int64_t width = cols - c < COLS ? cols - c : COLS;
        int64_t step = width == 1 ? TERNARY_GROUP : ROWS;
        for (int64_t r = 0; r < rows; r += step) {
            int64_t live = rows - r < step ? rows - r : step;
            const uint8_t *from = w + ternary_row(kp, r);
            if (width == 1) {
                tile(from, kp, q + c * ldq, ldq, TERNARY_GROUP, 1, live, dots + c * rows + r, rows);
            } else {
                strip(from, kp, q + c * ldq, ldq, ROWS, width, live, dots + c * rows + r, rows);
            }
        }
    }
}
