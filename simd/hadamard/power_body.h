/* The transform of a power of two, for one tier. A stage of distance h makes of the values a and b at i and i + h the values a + b and a - b; the
 * stages run in the order h = 1, 2, 4, ... wherever a pass begins or ends, so that every tier gives the same bits.
 *
 * FMA with a factor of +-1 is an exact sum. It is used where it runs beside the additions: processors with separate units for the two (Zen 4
 * and later) then do twice as many. */
#ifndef SETUN_HADAMARD_POWER_BODY_H
#define SETUN_HADAMARD_POWER_BODY_H

#include "simd/common/vec.h"

#if VF_LANES == 16
enum { LANE_BITS = 4 };
#elif VF_LANES == 8
enum { LANE_BITS = 3 };
#else
enum { LANE_BITS = 2 };
#endif

/* Stages of a pass between vectors: 2^RADIX_BITS of them lie in registers. */
#if VF_LANES == 16 || defined(__aarch64__)
enum { RADIX_BITS = 4 };
#else
enum { RADIX_BITS = 3 };
#endif

enum {
    NEAR_BITS = 12, /* values that are transformed while they lie in the first-level cache: 16 KB */
    TILE_BITS = 2 * RADIX_BITS
};

/* The first n lanes with the signs of values i, i + 1, ...; i is a multiple of VF_LANES unless n < VF_LANES. */
VF_INLINE vf with_signs(vf v, const uint8_t *signs, int64_t i, int64_t n) {
#if VF_LANES == 16
    if (n == VF_LANES) {
        uint16_t bits;
        memcpy(&bits, signs + i / 8, sizeof bits);
        return (vf)_mm512_mask_xor_epi32((__m512i)v, bits, (__m512i)v, _mm512_set1_epi32(INT32_MIN));
    }
#endif
    vi flips = vi_set1(0);
    for (int64_t j = 0; j < n; j++) {
        flips[j] = (signs[(i + j) / 8] >> (i + j) % 8 & 1) != 0 ? INT32_MIN : 0;
    }
    return (vf)((vi)v ^ flips);
}

/* The stage of distance h < VF_LANES within a vector. */
VF_INLINE vf lane_stage(vf v, const int h) {
    vf swapped, sign;
#if VF_LANES == 16
    swapped = h == 1   ? _mm512_permute_ps(v, 0xB1)
              : h == 2 ? _mm512_permute_ps(v, 0x4E)
              : h == 4 ? _mm512_shuffle_f32x4(v, v, 0xB1)
                       : _mm512_shuffle_f32x4(v, v, 0x4E);
#elif VF_LANES == 8
    swapped = h == 1 ? _mm256_permute_ps(v, 0xB1) : h == 2 ? _mm256_permute_ps(v, 0x4E) : _mm256_permute2f128_ps(v, v, 1);
#else
    swapped = h == 1 ? __builtin_shufflevector(v, v, 1, 0, 3, 2) : __builtin_shufflevector(v, v, 2, 3, 0, 1);
#endif
#pragma GCC unroll 16
    for (int j = 0; j < VF_LANES; j++) {
        sign[j] = (j & h) != 0 ? -1.0f : 1.0f;
    }
    return vf_fma(v, sign, swapped);
}

/* The stages of distances h = 1, 2, ... between 2^bits vectors. */
VF_INLINE void cross_stages(const int bits, const int fma, vf *v) {
    const vf minus = vf_set1(-1);
#pragma GCC unroll 4
    for (int s = 0; s < bits; s++) {
#pragma GCC unroll 16
        for (int i = 0; i < 1 << bits; i++) {
            if ((i >> s & 1) == 0) {
                vf a = v[i], b = v[i | 1 << s];
                v[i] = a + b;
                v[i | 1 << s] = fma ? vf_fma(b, minus, a) : a - b;
            }
        }
    }
}

/* Where values come from and how they are left. */
typedef struct pass_ends {
    const uint8_t *signs; /* applied to what is loaded, or NULL */
    int64_t at;           /* the index of the first value among the signs */
    float scale;          /* 1: not the last pass */
} pass_ends;

VF_INLINE void scale_all(const int bits, float scale, vf *v) {
    if (scale != 1) {
#pragma GCC unroll 16
        for (int i = 0; i < 1 << bits; i++) {
            v[i] = v[i] * vf_set1(scale);
        }
    }
}

/* All stages of 2^bits vectors that lie together. */
VF_INLINE void first_pass(const int bits, const float *src, float *dst, pass_ends ends) {
    vf v[16];
#pragma GCC unroll 16
    for (int i = 0; i < 1 << bits; i++) {
        v[i] = vf_load(src + i * VF_LANES);
    }
    if (ends.signs != NULL) {
#pragma GCC unroll 16
        for (int i = 0; i < 1 << bits; i++) {
            v[i] = with_signs(v[i], ends.signs, ends.at + i * VF_LANES, VF_LANES);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < 1 << bits; i++) {
#pragma GCC unroll 4
        for (int h = 1; h < VF_LANES; h *= 2) {
            v[i] = lane_stage(v[i], h);
        }
    }
    cross_stages(bits, 0, v);
    scale_all(bits, ends.scale, v);
#pragma GCC unroll 16
    for (int i = 0; i < 1 << bits; i++) {
        vf_store(dst + i * VF_LANES, v[i]);
    }
}

/* The stages between 2^bits vectors, from `from` on, to `to` on. */
VF_INLINE void column_group(const int bits, const float *from, int64_t from_stride, float *to, int64_t to_stride, float scale) {
    vf v[16];
#pragma GCC unroll 16
    for (int i = 0; i < 1 << bits; i++) {
        v[i] = vf_load(from + i * from_stride);
    }
    cross_stages(bits, 1, v);
    scale_all(bits, scale, v);
#pragma GCC unroll 16
    for (int i = 0; i < 1 << bits; i++) {
        vf_store(to + i * to_stride, v[i]);
    }
}

static void column_groups(int bits, const float *from, int64_t from_stride, float *to, int64_t to_stride, int64_t count, int64_t step,
                          float scale) {
#define GROUPS(constant)                                                                                                          \
    case constant:                                                                                                                \
        for (int64_t i = 0; i < count; i++) {                                                                                     \
            column_group(constant, from + i * step, from_stride, to + i * step, to_stride, scale);                                \
        }                                                                                                                         \
        break;
    switch (bits) {
        GROUPS(1)
        GROUPS(2)
        GROUPS(3)
#if VF_LANES == 16 || defined(__aarch64__)
        GROUPS(4)
#endif
    }
#undef GROUPS
}

/* 2^power values at most, all stages up to that, in one cache. */
static void near_transform(const float *src, float *dst, int power, pass_ends ends) {
    int passes = (power - LANE_BITS + RADIX_BITS - 1) / RADIX_BITS, left = power - LANE_BITS;
    int bits = passes == 0 ? 0 : left - (passes - 1) * RADIX_BITS;
    float scale = ends.scale;
    ends.scale = passes <= 1 ? scale : 1;
    int64_t size = INT64_C(1) << power, group = VF_LANES << bits;
#define FIRST(constant)                                                                                                           \
    case constant:                                                                                                                \
        for (int64_t i = 0; i < size; i += group) {                                                                               \
            first_pass(constant, src + i, dst + i, (pass_ends){ends.signs, ends.at + i, ends.scale});                             \
        }                                                                                                                         \
        break;
    switch (bits) {
        FIRST(0)
        FIRST(1)
        FIRST(2)
        FIRST(3)
#if VF_LANES == 16 || defined(__aarch64__)
        FIRST(4)
#endif
    }
#undef FIRST
    for (int64_t stride = group; stride < size; stride <<= RADIX_BITS) {
        int64_t whole = stride << RADIX_BITS;
        for (int64_t i = 0; i < size; i += whole) {
            column_groups(RADIX_BITS, dst + i, stride, dst + i, stride, stride / VF_LANES, VF_LANES, whole == size ? scale : 1);
        }
    }
}

/* The stages of `bits` distances from `stride` on, TILE_BITS at most: a column of vectors is loaded once and stored once, between which it lies in a
 * tile of its own. Rows that are a power of two apart fall on few places of a cache, so a column would not stay in it. */
static void far_stages(float *p, int bits, int64_t stride, float scale) {
    float tile[VF_LANES << TILE_BITS] __attribute__((aligned(64)));
    int low = bits > RADIX_BITS ? bits - RADIX_BITS : 0, high = bits - low;
    for (int64_t i = 0; i < stride; i += VF_LANES) {
        if (low == 0) {
            column_groups(high, p + i, stride, p + i, stride, 1, 0, scale);
            continue;
        }
        for (int64_t g = 0; g < INT64_C(1) << high; g++) {
            column_groups(low, p + i + (g << low) * stride, stride, tile + (g << low) * VF_LANES, VF_LANES, 1, 0, 1);
        }
        for (int64_t g = 0; g < INT64_C(1) << low; g++) {
            column_groups(high, tile + g * VF_LANES, (int64_t)VF_LANES << low, p + i + g * stride, stride << low, 1, 0, scale);
        }
    }
}

/* Fewer values than a vector has lanes. */
static void tiny_transform(const float *src, float *dst, int power, pass_ends ends) {
    int size = 1 << power;
    float v[VF_LANES];
    for (int i = 0; i < size; i++) {
        int64_t at = ends.at + i;
        v[i] = ends.signs != NULL && (ends.signs[at / 8] >> at % 8 & 1) != 0 ? -src[i] : src[i];
    }
    for (int h = 1; h < size; h *= 2) {
        for (int i = 0; i < size; i++) {
            if ((i & h) == 0) {
                float a = v[i], b = v[i + h];
                v[i] = a + b;
                v[i + h] = a - b;
            }
        }
    }
    for (int i = 0; i < size; i++) {
        dst[i] = v[i] * ends.scale;
    }
}

/* dst = scale * H (signs * src) of 2^power values; dst may be src. */
static void transform_power(const float *src, float *dst, int power, const uint8_t *signs, int64_t at, float scale) {
    pass_ends ends = {signs, at, power <= NEAR_BITS ? scale : 1};
    if (power < LANE_BITS) {
        tiny_transform(src, dst, power, ends);
        return;
    }
    int64_t size = INT64_C(1) << power, near = power < NEAR_BITS ? size : INT64_C(1) << NEAR_BITS;
    for (int64_t i = 0; i < size; i += near) {
        near_transform(src + i, dst + i, power < NEAR_BITS ? power : NEAR_BITS, (pass_ends){signs, at + i, ends.scale});
    }
    for (int done = NEAR_BITS; done < power;) {
        int bits = power - done < TILE_BITS ? power - done : TILE_BITS;
        int64_t whole = INT64_C(1) << (done + bits);
        for (int64_t i = 0; i < size; i += whole) {
            far_stages(dst + i, bits, INT64_C(1) << done, done + bits == power ? scale : 1);
        }
        done += bits;
    }
}

#endif
