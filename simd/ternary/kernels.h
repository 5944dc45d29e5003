/* The kernels of all tiers, for the table in dispatch.c. */
#ifndef SETUN_TERNARY_KERNELS_H
#define SETUN_TERNARY_KERNELS_H

#include "ternary.h"

enum { TERNARY_AMX_ROWS = 32 };

extern const ternary_wide_kernels ternary_wide_avx512;
extern const ternary_rows_kernels ternary_rows_portable, ternary_rows_avx2, ternary_rows_avx512;

#define TERNARY_DOTS(tier) TERNARY_DOTS_(tier)
#define TERNARY_DOTS_(tier)                                                                                                          \
    void ternary_dots_##tier(const uint8_t *w, int64_t kp, int64_t rows, const int8_t *q, int64_t ldq, int64_t cols, int32_t *dots, \
                             void *scratch)
TERNARY_DOTS(portable);
TERNARY_DOTS(avx2);
TERNARY_DOTS(avxvnni);
TERNARY_DOTS(avx512);
TERNARY_DOTS(amx);
TERNARY_DOTS(neon_dot);
TERNARY_DOTS(neon_i8mm);

#define TERNARY_DOTS_F32(tier) TERNARY_DOTS_F32_(tier)
#define TERNARY_DOTS_F32_(tier)                                                                                                      \
    void ternary_dots_f32_##tier(const uint8_t *w, int64_t k, int64_t rows, const float *x, int64_t ldx, int64_t cols, float *y,    \
                                 int64_t ldy)
TERNARY_DOTS_F32(portable);
TERNARY_DOTS_F32(avx2);
TERNARY_DOTS_F32(avx512);

#endif
