/* NEON with sdot. */
#include <arm_neon.h>

typedef float32x4_t fvec;
typedef int32x4_t ivec;
#define TIER neon_dot
#define ISA SETUN_ISA_NEON_DOT
#define FMA(a, b, sum) vfmaq_f32(sum, a, b)
#define DOT(sum, a, b) vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b))
#define DOT_MACS 16
#define KEEP(v) __asm__ volatile("" : "+w"(v))
#define STREAM(to, v) vst1q_f32((float *)(to), v) /* no such store among the intrinsics */

#include "probes_body.h"
