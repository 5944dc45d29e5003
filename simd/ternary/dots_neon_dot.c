/* NEON with the dot-product extension: sdot adds four products into each int32 lane (codes 0..2 are as good signed as unsigned). */
#include <arm_neon.h>

typedef int8x16_t vec;
#define TIER neon_dot
#define ROWS 4
#define COLS 4
#define FLUSH_BLOCKS 0
#define ZERO() vdupq_n_s8(0)
#define ADD(a, b) vreinterpretq_s8_s32(vaddq_s32(vreinterpretq_s32_s8(a), vreinterpretq_s32_s8(b)))
#define LOAD(p) vld1q_s8((const int8_t *)(p))
#define PLANE(v, i) plane_of(v, i)
#define DOT(sum, u, s) vreinterpretq_s8_s32(vdotq_s32(vreinterpretq_s32_s8(sum), u, s))
#define WIDEN(sum) (sum)
#define FOLD(v) vaddvq_s32(vreinterpretq_s32_s8(v))

static inline int8x16_t plane_of(int8x16_t v, int i) {
    uint8x16_t shifted = vshlq_u8(vreinterpretq_u8_s8(v), vdupq_n_s8((int8_t)(-2 * i)));
    return vreinterpretq_s8_u8(vandq_u8(shifted, vdupq_n_u8(3)));
}

#include "dots_body.h"
