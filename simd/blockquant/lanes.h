/* What the kernels of blocks do to vectors of codes, over simd/common/vec.h: a lane of 32 bits is four consecutive values of one row. Arithmetic
 * is the operators of the types; this file has what operators cannot say. */
#ifndef SETUN_BLOCKQUANT_LANES_H
#define SETUN_BLOCKQUANT_LANES_H

#include "half.h"
#include "simd/common/vec.h"

typedef uint32_t vu __attribute__((vector_size(4 * VF_LANES)));

enum { LANES_PARTS = 16 / VF_LANES }; /* vectors that hold the 64 bytes of 16 rows */

VF_INLINE vi vi_load(const void *p) {
    vi v;
    memcpy(&v, p, sizeof v);
    return v;
}

VF_INLINE void vi_store(void *p, vi v) { memcpy(p, &v, sizeof v); }

/* Four bytes to all lanes. */
VF_INLINE vi vi_four(const void *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return vi_set1(four);
}

/* Bits from .. from + bits - 1 of each byte, moved to bit `to`. */
VF_INLINE vi vi_moved(vi v, int from, int to, int bits) {
    vu moved = to > from ? (vu)v << (to - from) : (vu)v >> (from - to);
    return (vi)(moved & ((uint32_t)((1 << bits) - 1) * 0x01010101u << to));
}

/* Bits first .. first + bits - 1 of each byte. */
VF_INLINE vi vi_field(vi v, int first, int bits) { return vi_moved(v, first, 0, bits); }

/* Byte j of each lane as a number. */
VF_INLINE vi vi_byte(vi v, int j) { return (vi)((vu)v >> 8 * j) & 255; }
VF_INLINE vi vi_signed_byte(vi v, int j) { return (vi)((vu)v << (24 - 8 * j)) >> 24; }

/* Each byte of codes, less than 16, becomes that of the first 16 bytes of the table, which repeats in larger vectors. */
VF_INLINE vi vi_look_up(vi table, vi codes) {
#if defined(__AVX512BW__)
    return (vi)_mm512_shuffle_epi8((__m512i)table, (__m512i)codes);
#elif defined(__AVX2__)
    return (vi)_mm256_shuffle_epi8((__m256i)table, (__m256i)codes);
#elif defined(__ARM_NEON) && defined(__aarch64__)
    return (vi)vqtbl1q_u8((uint8x16_t)table, (uint8x16_t)codes);
#else
    uint8_t levels[sizeof table], bytes[sizeof codes];
    memcpy(levels, &table, sizeof table);
    memcpy(bytes, &codes, sizeof codes);
    for (size_t i = 0; i < sizeof codes; i++) {
        bytes[i] = levels[bytes[i]];
    }
    memcpy(&codes, bytes, sizeof codes);
    return codes;
#endif
}

VF_INLINE vf vf_of(vi v) { return __builtin_convertvector(v, vf); }

/* lanes_dot: sum + the four products of unsigned u, at most 127, and signed s.
 * lanes_dot_wide: the same for any u, but with u - LANES_WIDE_ZERO where instructions multiply signed bytes alone, or saturate.
 * lanes_pairs: sum + the two products of int16.
 * lanes_half: VF_LANES values of f16. */
#if defined(__AVX512VNNI__)

enum { LANES_WIDE_ZERO = 0 };

/* The instruction itself: around the intrinsic gcc 12 copies the sums from register to register and then spills them. */
VF_INLINE vi lanes_dot(vi sum, vi u, vi s) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u), "v"(s));
    return sum;
}
VF_INLINE vi lanes_dot_wide(vi sum, vi u, vi s) { return lanes_dot(sum, u, s); }
VF_INLINE vi lanes_pairs(vi sum, vi a, vi b) { return (vi)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b); }
VF_INLINE vf lanes_half(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(p)); }

#elif defined(__AVX2__)

#if defined(__AVXVNNI__)
enum { LANES_WIDE_ZERO = 0 };
#if defined(SETUN_AVXVNNI_EMULATED) /* a test on a machine that has the instructions in their AVX-512 encoding alone */
VF_INLINE vi lanes_dot(vi sum, vi u, vi s) {
    __asm__("vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(u), "x"(s));
    return sum;
}
VF_INLINE vi lanes_pairs(vi sum, vi a, vi b) {
    __asm__("vpdpwssd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
    return sum;
}
#else
VF_INLINE vi lanes_dot(vi sum, vi u, vi s) { return (vi)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)u, (__m256i)s); }
VF_INLINE vi lanes_pairs(vi sum, vi a, vi b) { return (vi)_mm256_dpwssd_avx_epi32((__m256i)sum, (__m256i)a, (__m256i)b); }
#endif
VF_INLINE vi lanes_dot_wide(vi sum, vi u, vi s) { return lanes_dot(sum, u, s); }
#else
enum { LANES_WIDE_ZERO = 128 };
VF_INLINE vi lanes_pairs(vi sum, vi a, vi b) { return sum + (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b); }
/* Sums of two products stay below 2 * 128 * 127 < 2^15. */
VF_INLINE vi lanes_dot(vi sum, vi u, vi s) {
    return lanes_pairs(sum, (vi)_mm256_maddubs_epi16((__m256i)u, (__m256i)s), (vi)_mm256_set1_epi16(1));
}
VF_INLINE vi lanes_dot_wide(vi sum, vi u, vi s) {
    __m256i w = _mm256_xor_si256((__m256i)u, _mm256_set1_epi8((char)0x80));
    return lanes_dot(sum, (vi)_mm256_abs_epi8(w), (vi)_mm256_sign_epi8((__m256i)s, w));
}
#endif
VF_INLINE vf lanes_half(const void *p) { return _mm256_cvtph_ps(_mm_loadu_si128(p)); }

#elif defined(__ARM_FEATURE_DOTPROD)

enum { LANES_WIDE_ZERO = 128 };
VF_INLINE vi lanes_dot(vi sum, vi u, vi s) { return (vi)vdotq_s32((int32x4_t)sum, (int8x16_t)u, (int8x16_t)s); }
VF_INLINE vi lanes_dot_wide(vi sum, vi u, vi s) { return lanes_dot(sum, u ^ (int32_t)0x80808080, s); }
VF_INLINE vi lanes_pairs(vi sum, vi a, vi b) {
    int32x4_t low = vmull_s16(vget_low_s16((int16x8_t)a), vget_low_s16((int16x8_t)b));
    int32x4_t high = vmull_high_s16((int16x8_t)a, (int16x8_t)b);
    return sum + (vi)vpaddq_s32(low, high);
}
VF_INLINE vf lanes_half(const void *p) { return (vf)vcvt_f32_f16(vld1_f16(p)); }

#else

enum { LANES_WIDE_ZERO = 0 };
VF_INLINE vi lanes_dot(vi sum, vi u, vi s) {
    for (int j = 0; j < 4; j++) {
        sum += vi_byte(u, j) * vi_signed_byte(s, j);
    }
    return sum;
}
VF_INLINE vi lanes_dot_wide(vi sum, vi u, vi s) { return lanes_dot(sum, u, s); }
VF_INLINE vi lanes_pairs(vi sum, vi a, vi b) {
    vi low = ((vi)((vu)a << 16) >> 16) * ((vi)((vu)b << 16) >> 16);
    return sum + low + (a >> 16) * (b >> 16);
}
VF_INLINE vf lanes_half(const void *p) {
    uint16_t half[VF_LANES];
    memcpy(half, p, sizeof half);
    return (vf){setun_half_to_float(half[0]), setun_half_to_float(half[1]), setun_half_to_float(half[2]), setun_half_to_float(half[3])};
}

#endif

#endif
