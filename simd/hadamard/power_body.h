/* The transform of a power of two, for one tier. A stage of distance h makes a + b and a - b of the values a and b at i and i + h. On every
 * tier the stages run in one order, which is what settles the bits:
 *
 *     16 32 64 1 2 128 256 4 512 1024 2048 8 4096 8192 ...    (those below n)
 *
 * Stages between vectors add. Those within a vector (of 16 values) shuffle and take a fused multiply-add by +-1, which is an exact sum,
 * rounded once like an addition. Processors with separate units for additions and for the rest (Zen 4 and later) do twice as much where
 * both are at hand: hence the order, in which every pass over the values has some of each. */
#ifndef SETUN_HADAMARD_POWER_BODY_H
#define SETUN_HADAMARD_POWER_BODY_H

#include <stdbool.h>

#include "simd/common/vec.h"

/* 2^MOST_BITS vectors lie in registers. */
#if VF_LANES == 16 || defined(__aarch64__)
enum { MOST_BITS = 4 };
#else
enum { MOST_BITS = 3 };
#endif

/* Values that are transformed while they lie in the first-level cache (32 KB, or 16 KB of whole transforms), and in the second (256 KB). */
enum { NEAR_BITS = 13, RUN_BITS = 12, MIDDLE_BITS = 16, FAR_BITS = 3, FAR_AHEAD = 64 };

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

/* The stage of distance h < VF_LANES within a vector. `spare`: units that add and shuffle have enough to do, those that rotate have not. */
VF_INLINE vf lane_stage(vf v, const int h, const bool spare) {
    vf swapped;
#if VF_LANES == 16
    swapped = h == 1   ? (spare ? _mm512_castsi512_ps(_mm512_ror_epi64((__m512i)v, 32)) : _mm512_permute_ps(v, 0xB1))
              : h == 2 ? _mm512_permute_ps(v, 0x4E)
              : h == 4 ? _mm512_shuffle_f32x4(v, v, 0xB1)
                       : _mm512_shuffle_f32x4(v, v, 0x4E);
#elif VF_LANES == 8
    swapped = h == 1 ? _mm256_permute_ps(v, 0xB1) : h == 2 ? _mm256_permute_ps(v, 0x4E) : _mm256_permute2f128_ps(v, v, 1);
#else
    swapped = h == 1 ? __builtin_shufflevector(v, v, 1, 0, 3, 2) : __builtin_shufflevector(v, v, 2, 3, 0, 1);
#endif
    (void)spare;
    return vf_fma(v, alternating(h), swapped);
}

/* The stages of a pass, one hexadecimal digit each, the first one leftmost: 1, 2, 4 or 8 is that distance, C the next one of the pass's
 * distances from its stride on, each twice the one before. All functions of steps are constants where they are used. */
VF_INLINE int digit(const uint32_t steps, const int from_right) { return (int)(steps >> 4 * from_right & 15); }

VF_INLINE int digits(const uint32_t steps) {
    return steps < 0x10 ? 1 : steps < 0x100 ? 2 : steps < 0x1000 ? 3 : steps < 0x10000 ? 4 : steps < 0x100000 ? 5
          : steps < 0x1000000 ? 6 : steps < 0x10000000 ? 7 : 8;
}

VF_INLINE bool in_registers(const int step) { return step >= VF_LANES || step == 0xC; }

VF_INLINE int columns(const uint32_t steps) {
    int count = 0;
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++) {
        count += digit(steps, k) == 0xC;
    }
    return count;
}

/* The distances below 16 that are not within a vector of this tier. */
VF_INLINE int low_registers(const uint32_t steps) {
    int distances = 0;
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++) {
        distances |= digit(steps, k) != 0xC && in_registers(digit(steps, k)) ? digit(steps, k) : 0;
    }
    return distances;
}

VF_INLINE int register_bits(const uint32_t steps) {
    const int low = low_registers(steps);
    return columns(steps) + (low & 1) + (low >> 1 & 1) + (low >> 2 & 1) + (low >> 3 & 1);
}

/* Where values come from, and how they are left. */
typedef struct pass_ends {
    const uint8_t *signs; /* applied to what is loaded, or NULL */
    int64_t at;           /* the index of the first value among the signs */
    bool scaled;
    float scale;
    const float *next; /* what to fetch meanwhile: of each value of the pass, the one with its index from here; NULL: nothing */
} pass_ends;

/* Differences of the first stage are fused multiply-adds where the pass has few others. */
VF_INLINE bool fuses_first(const uint32_t steps) { return 2 * columns(steps) > digits(steps) + 1; }

/* Where vector i of a group lies. */
VF_INLINE int64_t offset(const uint32_t steps, int64_t stride, const int i) {
#if VF_LANES == 16
    (void)steps;
    return i * stride;
#else
    int64_t sum = 0;
    int bit = 1;
#pragma GCC unroll 8
    for (int k = 7; k >= 0; k--) {
        if (k < digits(steps) && in_registers(digit(steps, k))) {
            sum += (i & bit) == 0 ? 0 : digit(steps, k) == 0xC ? stride : digit(steps, k);
            stride *= digit(steps, k) == 0xC ? 2 : 1;
            bit *= 2;
        }
    }
    return sum;
#endif
}

VF_INLINE void load_group(const uint32_t steps, const int count, vf *v, const float *src, int64_t stride, int64_t at, pass_ends ends) {
#pragma GCC unroll 16
    for (int i = 0; i < count; i++) {
        int64_t index = at + offset(steps, stride, i);
        v[i] = vf_load(src + index);
        IN_REGISTER(v[i]);
        if (ends.signs != NULL) {
            v[i] = with_signs(v[i], ends.signs, ends.at + index, VF_LANES);
        }
    }
}

VF_INLINE void store_group(const uint32_t steps, const int count, const vf *v, float *dst, int64_t stride, int64_t at, pass_ends ends) {
#pragma GCC unroll 16
    for (int i = 0; i < count; i++) {
        int64_t index = at + offset(steps, stride, i);
        vf_store(dst + index, ends.scaled ? v[i] * vf_set1(ends.scale) : v[i]);
        if (ends.next != NULL) {
            __builtin_prefetch(ends.next + index, 1, 3);
        }
    }
}

/* The stages of a group of vectors. */
VF_INLINE void group(const uint32_t steps, const float *src, float *dst, int64_t stride, int64_t at, pass_ends ends) {
    const int bits = register_bits(steps), count = bits == 0 ? 1 : bits == 1 ? 2 : bits == 2 ? 4 : bits == 3 ? 8 : 16;
    const int last = digits(steps) - 1;
    vf v[16];
    int bit = 1;
    load_group(steps, count, v, src, stride, at, ends);
#pragma GCC unroll 8
    for (int k = last; k >= 0; k--) {
        const int step = digit(steps, k);
        if (!in_registers(step)) {
#pragma GCC unroll 16
            for (int i = 0; i < count; i++) {
                v[i] = lane_stage(v[i], step, columns(steps) > 1);
            }
        } else {
#pragma GCC unroll 16
            for (int i = 0; i < count; i++) {
                if ((i & bit) == 0) {
                    vf a = v[i], b = v[i | bit];
                    v[i] = a + b;
                    v[i | bit] = k == last && fuses_first(steps) ? vf_fma(b, vf_set1(-1), a) : a - b;
                }
            }
            bit *= 2;
        }
    }
    store_group(steps, count, v, dst, stride, at, ends);
}

/* A pass over size values; dst may be src. */
VF_INLINE void lone_pass(const uint32_t steps, const float *src, float *dst, int64_t size, int64_t stride, pass_ends ends) {
    for (int64_t i = 0; i < size; i += stride << columns(steps)) {
        for (int64_t j = i; j < i + stride; j += VF_LANES) {
            if ((j & low_registers(steps)) == 0) {
                group(steps, src, dst, stride, j, ends);
            }
        }
    }
}

/* The steps `first`, then `second`: one pass where there are registers for it. */
VF_INLINE void pass(const uint32_t first, const uint32_t second, const float *src, float *dst, int64_t size, int64_t stride,
                    pass_ends ends) {
    const uint32_t both = first << 4 * digits(second) | second;
    if (register_bits(both) <= MOST_BITS) {
        lone_pass(both, src, dst, size, stride, ends);
    } else {
        lone_pass(first, src, dst, size, stride, (pass_ends){ends.signs, ends.at, false, 1, NULL});
        lone_pass(second, dst, dst, size, columns(second) == 0 ? 16 : stride << columns(first),
                  (pass_ends){NULL, 0, ends.scaled, ends.scale, ends.next});
    }
}

/* A pass that is the only one: without a multiplication where a Paley factor follows. */
VF_INLINE void only_pass(const uint32_t first, const uint32_t second, const float *src, float *dst, int64_t size, pass_ends ends) {
    if (ends.scale == 1) {
        pass(first, second, src, dst, size, 16, (pass_ends){ends.signs, ends.at, false, 1, NULL});
    } else {
        pass(first, second, src, dst, size, 16, ends);
    }
}

/* size values, a multiple of 2^power, as transforms of 2^power each, 4 <= power <= NEAR_BITS: all in the first-level cache. */
VF_INLINE void near_passes(const float *src, float *dst, int64_t size, int power, pass_ends ends) {
    const pass_ends first = {ends.signs, ends.at, false, 1, NULL}, within = {NULL, 0, false, 1, NULL};
    const pass_ends last = {NULL, 0, true, ends.scale, NULL};
    switch (power) {
    case 4:
        only_pass(0x12, 0x48, src, dst, size, ends);
        return;
    case 5:
        only_pass(0xC12, 0x48, src, dst, size, ends);
        return;
    case 6:
        only_pass(0xCC12, 0x48, src, dst, size, ends);
        return;
    case 7:
        only_pass(0xCCC12, 0x48, src, dst, size, ends);
        return;
    }
    lone_pass(0xCCC12, src, dst, size, 16, first);
    switch (power) {
    case 8:
        pass(0xC4, 0x8, dst, dst, size, 128, last);
        return;
    case 9:
        pass(0xCC4, 0x8, dst, dst, size, 128, last);
        return;
    case 10:
        pass(0xCC4, 0xC8, dst, dst, size, 128, last);
        return;
    case 11:
        lone_pass(0xCC4, dst, dst, size, 128, within);
        lone_pass(0xCC8, dst, dst, size, 512, last);
        return;
    case 12:
        pass(0xCC4, 0xC, dst, dst, size, 128, within);
        lone_pass(0xCC8, dst, dst, size, 1024, last);
        return;
    default:
        pass(0xCC4, 0xC, dst, dst, size, 128, within);
        pass(0xCC8, 0xC, dst, dst, size, 1024, last);
    }
}

static void near_transforms(const float *src, float *dst, int64_t size, int power, pass_ends ends) {
    if (ends.signs == NULL) {
        near_passes(src, dst, size, power, (pass_ends){NULL, 0, true, ends.scale, NULL});
    } else {
        near_passes(src, dst, size, power, (pass_ends){ends.signs, ends.at, true, ends.scale, NULL});
    }
}

/* The stages of the distances 2^done .. 2^(power - 1), of size values. Values so far apart fall into one set of a cache: a pass has no more
 * of them than the eight ways that caches have, or what it stores would have left the cache since it was loaded. */
static void far_stages(float *p, int64_t size, int done, int power, float scale) {
    for (int passes = (power - done + FAR_BITS - 1) / FAR_BITS; passes > 0; passes--) {
        int bits = (power - done + passes - 1) / passes;
        int64_t stride = INT64_C(1) << done;
        const pass_ends ends = {NULL, 0, true, passes == 1 ? scale : 1, p + FAR_AHEAD};
        switch (bits) {
        case 1:
            lone_pass(0xC, p, p, size, stride, ends);
            break;
        case 2:
            lone_pass(0xCC, p, p, size, stride, ends);
            break;
        default:
            lone_pass(0xCCC, p, p, size, stride, ends);
        }
        done += bits;
    }
}

/* Fewer than 16 values. */
static void tiny_transform(const float *src, float *dst, int power, const uint8_t *signs, int64_t at, float scale) {
    int size = 1 << power;
    float v[8];
    for (int i = 0; i < size; i++) {
        v[i] = signs != NULL && (signs[(at + i) / 8] >> (at + i) % 8 & 1) != 0 ? -src[i] : src[i];
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
        dst[i] = v[i] * scale;
    }
}

static int least(int a, int b) { return a < b ? a : b; }

/* dst = scale * H (signs * src) of `size` values, as transforms of 2^power each; dst may be src. */
static void transform_power(const float *src, float *dst, int64_t size, int power, const uint8_t *signs, int64_t at, float scale) {
    if (power < 4) {
        for (int64_t i = 0; i < size; i += INT64_C(1) << power) {
            tiny_transform(src + i, dst + i, power, signs, at + i, scale);
        }
        return;
    }
    int near = least(power, NEAR_BITS), middle = least(power, MIDDLE_BITS);
    int64_t near_size = INT64_C(1) << (near > RUN_BITS ? near : RUN_BITS);
    int64_t middle_size = near_size << (middle > NEAR_BITS ? middle - NEAR_BITS : 0);
    for (int64_t i = 0; i < size; i += middle_size) {
        int64_t some = size - i < middle_size ? size - i : middle_size;
        for (int64_t j = i; j < i + some; j += near_size) {
            int64_t few = i + some - j < near_size ? i + some - j : near_size;
            near_transforms(src + j, dst + j, few, near, (pass_ends){signs, at + j, true, power == near ? scale : 1, NULL});
        }
        far_stages(dst + i, some, near, middle, power == middle ? scale : 1);
    }
    far_stages(dst, size, middle, power, scale);
}

#endif
