/* The transform of a power of two, for one tier. A stage of distance h makes a + b and a - b of the values a and b at i and i + h; the
 * stages run in the order h = 1, 2, 4, ... wherever a pass begins or ends, so that every tier gives the same bits.
 *
 * FMA by +-1 is an exact sum, rounded once like an addition. It is used where it runs beside additions: processors with separate units for
 * the two (Zen 4 and later) then do twice as many. */
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

/* Values that are transformed while they lie in the first-level cache (16 KB), and in the second (256 KB). */
enum { NEAR_BITS = 12, MIDDLE_BITS = 16, FAR_BITS = 3, FAR_AHEAD = 64 };

/* Keeps a value that was loaded in its register: gcc would load it again for each use, and loads are what AVX-512 code can do fewest of. */
#if defined(__AVX512F__)
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#else
#define IN_REGISTER(v) (void)(v)
#endif

/* The first n lanes with the signs of values i, i + 1, ...; i is a multiple of VF_LANES unless n < VF_LANES. */
VF_INLINE vf with_signs(vf v, const uint8_t *signs, int64_t i, int64_t n) {
#if VF_LANES == 16
    if (n == VF_LANES) {
        uint16_t bits;
        memcpy(&bits, signs + (i >> 3), sizeof bits);
        return (vf)_mm512_mask_xor_epi32((__m512i)v, bits, (__m512i)v, _mm512_set1_epi32(INT32_MIN));
    }
#endif
    vi flips = vi_set1(0);
    for (int64_t j = 0; j < n; j++) {
        flips[j] = (signs[(i + j) / 8] >> (i + j) % 8 & 1) != 0 ? INT32_MIN : 0;
    }
    return (vf)((vi)v ^ flips);
}

/* 1 in the lanes whose index has no h in it, -1 in the others. */
VF_INLINE vf alternating(const int h) {
#define SIGN(j) (((j) & h) != 0 ? -1.0f : 1.0f)
#define SIGNS(j) SIGN(j), SIGN(j + 1), SIGN(j + 2), SIGN(j + 3)
#if VF_LANES == 16
    return (vf){SIGNS(0), SIGNS(4), SIGNS(8), SIGNS(12)};
#elif VF_LANES == 8
    return (vf){SIGNS(0), SIGNS(4)};
#else
    return (vf){SIGNS(0)};
#endif
#undef SIGNS
#undef SIGN
}

/* The stage of distance h < VF_LANES within a vector. */
VF_INLINE vf lane_stage(vf v, const int h) {
    vf swapped;
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
    return vf_fma(v, alternating(h), swapped);
}

/* Where values come from, and how they are left. */
typedef struct pass_ends {
    const uint8_t *signs; /* applied to what is loaded, or NULL */
    int64_t at;           /* the index of the first value among the signs */
    float scale;          /* 1: not the last pass */
} pass_ends;

/* All stages within a vector, from src to dst, times scale. */
VF_INLINE void lane_stages(const float *src, float *dst, pass_ends ends) {
    vf v = vf_load(src);
    IN_REGISTER(v);
    if (ends.signs != NULL) {
        v = with_signs(v, ends.signs, ends.at, VF_LANES);
    }
    v = lane_stage(lane_stage(v, 1), 2);
    v = VF_LANES > 4 ? lane_stage(v, 4) : v;
    v = VF_LANES > 8 ? lane_stage(v, 8) : v;
    vf_store(dst, ends.scale == 1 ? v : v * vf_set1(ends.scale));
}

/* What a pass between vectors does meanwhile: nothing, asking for what lies FAR_AHEAD, or the stages within the next 2^bits vectors. */
enum meanwhile { NOTHING, FETCH, LANES };

typedef struct next_vectors {
    const float *src;
    float *dst;
    pass_ends ends;
} next_vectors;

VF_INLINE void next_lanes(next_vectors next, int index) {
    int64_t at = index * VF_LANES;
    lane_stages(next.src + at, next.dst + at, (pass_ends){next.ends.signs, next.ends.at + at, 1});
}

/* The stages between 2^bits vectors that are `stride` values apart. Stages within vectors shuffle and multiply, those between vectors add:
 * in turn they keep all units of the processor busy, which is worth storing and loading the next vectors once more. */
VF_INLINE void column_group(const int bits, float *p, int64_t stride, float scale, const enum meanwhile meanwhile, next_vectors next) {
    const int count = bits == 1 ? 2 : bits == 2 ? 4 : bits == 3 ? 8 : 16; /* not 1 << bits: sanitizers make that no constant */
    vf v[16];
    const vf minus = vf_set1(-1);
#pragma GCC unroll 16
    for (int i = 0; i < count; i++) {
        v[i] = vf_load(p + i * stride);
        IN_REGISTER(v[i]);
        if (meanwhile == FETCH) {
            __builtin_prefetch(p + i * stride + FAR_AHEAD, 1, 3);
        }
    }
    int pairs = 0, lanes = 0;
#pragma GCC unroll 4
    for (int s = 0; s < bits; s++) {
#pragma GCC unroll 16
        for (int i = 0; i < count; i++) {
            if ((i >> s & 1) == 0) {
                vf a = v[i], b = v[i | 1 << s];
                v[i] = a + b;
                v[i | 1 << s] = vf_fma(b, minus, a);
                pairs++;
                if (meanwhile == LANES && lanes * bits < 2 * pairs) {
                    next_lanes(next, lanes++);
                }
                if (meanwhile == LANES && lanes * bits < 2 * pairs) { /* of one pair, both */
                    next_lanes(next, lanes++);
                }
            }
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < count; i++) {
        vf_store(p + i * stride, scale == 1 ? v[i] : v[i] * vf_set1(scale));
    }
}

/* The stages of 1 to RADIX_BITS distances from `stride` on, of size values. */
VF_INLINE void column_pass(float *p, int64_t size, int bits, int64_t stride, float scale, const enum meanwhile meanwhile) {
    const next_vectors none = {NULL, NULL, {NULL, 0, 1}};
#define COLUMNS(constant)                                                                                                         \
    case constant:                                                                                                                \
        for (int64_t i = 0; i < size; i += stride << constant) {                                                                  \
            for (int64_t j = 0; j < stride; j += VF_LANES) {                                                                      \
                column_group(constant, p + i + j, stride, scale, meanwhile, none);                                                \
            }                                                                                                                     \
        }                                                                                                                         \
        break;
    switch (bits) {
        COLUMNS(1)
        COLUMNS(2)
        COLUMNS(3)
#if VF_LANES == 16 || defined(__aarch64__)
        COLUMNS(4)
#endif
    }
#undef COLUMNS
}

/* The stages within vectors alone, of size values. */
VF_INLINE void lone_vectors(const float *src, float *dst, int64_t size, pass_ends ends) {
    for (int64_t i = 0; i < size; i += VF_LANES) {
        lane_stages(src + i, dst + i, (pass_ends){ends.signs, ends.at + i, ends.scale});
    }
}

/* The stages within vectors and those between 2^bits of them that lie together, bits > 0, of size values. */
VF_INLINE void first_groups(const int bits, const float *src, float *dst, int64_t size, pass_ends ends) {
    const int64_t group = VF_LANES << bits;
    lone_vectors(src, dst, group, (pass_ends){ends.signs, ends.at, 1});
    for (int64_t i = group; i < size; i += group) {
        column_group(bits, dst + i - group, VF_LANES, ends.scale, LANES, (next_vectors){src + i, dst + i, {ends.signs, ends.at + i, 1}});
    }
    column_group(bits, dst + size - group, VF_LANES, ends.scale, NOTHING, (next_vectors){NULL, NULL, {NULL, 0, 1}});
}

static void first_pass(int bits, const float *src, float *dst, int64_t size, pass_ends ends) {
#define FIRST(constant)                                                                                                           \
    case constant:                                                                                                                \
        if (ends.signs == NULL) {                                                                                                 \
            first_groups(constant, src, dst, size, (pass_ends){NULL, 0, ends.scale});                                             \
        } else {                                                                                                                  \
            first_groups(constant, src, dst, size, ends);                                                                         \
        }                                                                                                                         \
        break;
    switch (bits) {
    case 0:
        lone_vectors(src, dst, size, ends);
        break;
        FIRST(1)
        FIRST(2)
        FIRST(3)
#if VF_LANES == 16 || defined(__aarch64__)
        FIRST(4)
#endif
    }
#undef FIRST
}

/* size values, a multiple of 2^power, as transforms of 2^power each: all in the first-level cache. */
static void near_transforms(const float *src, float *dst, int64_t size, int power, pass_ends ends) {
    int left = power - LANE_BITS, passes = (left + RADIX_BITS - 1) / RADIX_BITS;
    int bits = passes == 0 ? 0 : (left + passes - 1) / passes;
    int64_t group = VF_LANES << bits;
    first_pass(bits, src, dst, size, (pass_ends){ends.signs, ends.at, passes <= 1 ? ends.scale : 1});
    while (--passes > 0) {
        left -= bits;
        bits = (left + passes - 1) / passes;
        column_pass(dst, size, bits, group, passes == 1 ? ends.scale : 1, NOTHING);
        group <<= bits;
    }
}

/* The stages of the distances 2^done .. 2^(power - 1), of size values. Values so far apart fall into one set of a cache: a pass has no more
 * of them than the eight ways that caches have, or what it stores would have left the cache since it was loaded. */
static void far_stages(float *p, int64_t size, int done, int power, float scale) {
    for (int passes = (power - done + FAR_BITS - 1) / FAR_BITS; passes > 0; passes--) {
        int bits = (power - done + passes - 1) / passes;
        column_pass(p, size, bits, INT64_C(1) << done, passes == 1 ? scale : 1, FETCH);
        done += bits;
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

static int least(int a, int b) { return a < b ? a : b; }

/* dst = scale * H (signs * src) of `size` values, as transforms of 2^power each; dst may be src. */
static void transform_power(const float *src, float *dst, int64_t size, int power, const uint8_t *signs, int64_t at, float scale) {
    if (power < LANE_BITS) {
        for (int64_t i = 0; i < size; i += INT64_C(1) << power) {
            tiny_transform(src + i, dst + i, power, (pass_ends){signs, at + i, scale});
        }
        return;
    }
    int near = least(power, NEAR_BITS), middle = least(power, MIDDLE_BITS);
    int64_t near_size = INT64_C(1) << NEAR_BITS, middle_size = near_size << (middle > NEAR_BITS ? middle - NEAR_BITS : 0);
    for (int64_t i = 0; i < size; i += middle_size) {
        int64_t some = size - i < middle_size ? size - i : middle_size;
        for (int64_t j = i; j < i + some; j += near_size) {
            int64_t few = i + some - j < near_size ? i + some - j : near_size;
            near_transforms(src + j, dst + j, few, near, (pass_ends){signs, at + j, power == near ? scale : 1});
        }
        far_stages(dst + i, some, near, middle, power == middle ? scale : 1);
    }
    far_stages(dst, size, middle, power, scale);
}

#endif
