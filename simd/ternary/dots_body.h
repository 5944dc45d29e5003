/* The integer products of one tier, written once over the tier's vectors. A file that includes this defines
 *   TIER, ROWS, COLS   its name; the register tile: ROWS rows of w by COLS rows of q
 *   vec                a vector of bytes (16, 32 or 64), also used for int32 lanes; ZERO(), ADD(a, b), LOAD(p)
 *   PLANE(v, i)        the bytes (v >> 2i) & 3
 *   DOT(sum, u, s)     sum + the products u*s of unsigned by signed bytes, in the lanes of WIDEN's argument
 *   WIDEN(sum)         those lanes as int32 lanes;  FOLD(v) the sum of the int32 lanes, modulo 2^32
 *   FLUSH_BLOCKS       after how many blocks of 256 the lanes of DOT must be widened; 0: never
 *   FOLD_ROWS(v, out)  optional: the folds of v[0 .. ROWS-1] to out[0 .. ROWS-1], cheaper than one by one
 * The tile unpacks each plane of w once for all its columns; one scale per tensor lets the sums run over all of k. */
#include "kernels.h"

#define INLINE static inline __attribute__((always_inline))
enum { VEC = sizeof(vec) };

INLINE void tile(const uint8_t *w, int64_t kp, const int8_t *q, int64_t ldq, int rows, int cols, int32_t *dots, int64_t ld_dots) {
    int64_t stride = kp / 4, blocks = kp / TERNARY_BLOCK;
    vec total[COLS][ROWS];
    for (int c = 0; c < cols; c++) {
        for (int r = 0; r < rows; r++) {
            total[c][r] = ZERO();
        }
    }
    int64_t first = 0;
    do {
        int64_t end = FLUSH_BLOCKS > 0 && blocks - first > FLUSH_BLOCKS ? first + FLUSH_BLOCKS : blocks;
        vec sum[COLS][ROWS];
        for (int c = 0; c < cols; c++) {
            for (int r = 0; r < rows; r++) {
                sum[c][r] = ZERO();
            }
        }
        for (int64_t b = first; b < end; b++) {
            for (int r = 0; r < rows; r++) {
                ternary_prefetch(w + b * TERNARY_BLOCK_BYTES + r * stride);
            }
            for (int part = 0; part < TERNARY_BLOCK_BYTES; part += VEC) {
                const uint8_t *bytes = w + b * TERNARY_BLOCK_BYTES + part;
                const int8_t *values = q + b * TERNARY_BLOCK + part;
#pragma GCC unroll 4
                for (int plane = 0; plane < 4; plane++) {
                    vec codes[ROWS];
#pragma GCC unroll 8
                    for (int r = 0; r < rows; r++) {
                        codes[r] = PLANE(LOAD(bytes + r * stride), plane);
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
        if (rows == ROWS) {
            FOLD_ROWS(total[c], dots + c * ld_dots);
            continue;
        }
#endif
        for (int r = 0; r < rows; r++) {
            dots[c * ld_dots + r] = FOLD(total[c][r]);
        }
    }
}

/* A tile of `rows` by 1 .. COLS columns; constants, so that each case gets registers of its own. */
INLINE void strip(const uint8_t *w, int64_t kp, const int8_t *q, int64_t ldq, int rows, int64_t cols, int32_t *dots, int64_t ld_dots) {
    switch (cols) {
#define CASE(n)                                             \
    case n:                                                 \
        tile(w, kp, q, ldq, rows, n, dots, ld_dots);        \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
#if COLS > 4
        CASE(5)
        CASE(6)
#endif
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
        int64_t r = 0;
        for (; r + ROWS <= rows; r += ROWS) {
            strip(w + r * (kp / 4), kp, q + c * ldq, ldq, ROWS, width, dots + c * rows + r, rows);
        }
        for (; r < rows; r++) {
            strip(w + r * (kp / 4), kp, q + c * ldq, ldq, 1, width, dots + c * rows + r, rows);
        }
    }
}
