/* The codes of a block of 256 values and their bytes. Included once per tier. */
#include "simd/pi/pack_body.h"
#include "simd/pi/search_body.h"

/* Codes are given less their half: levels of a uniform grid, -1 - i and i for the symmetric levels minus and plus magnitude i. */
VF_INLINE vi uniform_codes(vf z, int half) {
    vf below = vf_min(z, vf_set1((float)(half - 1)));
#if defined(__AVX512F__)
    return (vi)_mm512_cvtps_epi32(below); /* far below is the least integer */
#else
    return (vi)(vf_max(below, vf_set1((float)-half)) + vf_set1(ROUNDER));
#endif
}

/* middle: between the magnitudes, three of them; what is not there is infinite. */
VF_INLINE vi symmetric_codes(vf z, const vf middle[3], int half) {
    vf magnitude = vf_abs(z);
#if defined(__AVX512F__)
    __m512i index;
    if (half == 2) {
        index = _mm512_maskz_set1_epi32(_mm512_cmp_ps_mask(magnitude, middle[0], _CMP_GT_OQ), 1);
    } else {
        __mmask16 upper = _mm512_cmp_ps_mask(magnitude, middle[1], _CMP_GT_OQ);
        vf between = _mm512_mask_blend_ps(upper, middle[0], middle[2]);
        index = _mm512_maskz_set1_epi32(upper, 2);
        index = _mm512_mask_add_epi32(index, _mm512_cmp_ps_mask(magnitude, between, _CMP_GT_OQ), index, _mm512_set1_epi32(1));
    }
    __mmask16 negative = _mm512_cmp_ps_mask(z, _mm512_setzero_ps(), _CMP_LT_OQ);
    return (vi)_mm512_mask_sub_epi32(index, negative, _mm512_set1_epi32(-1), index);
#else
    (void)half;
    vi index = -((magnitude > middle[0]) + (magnitude > middle[1]) + (magnitude > middle[2]));
    return index ^ (z < vf_set1(0)); /* ~index = -1 - index */
#endif
}

VF_INLINE void encode(const float *x, float inverse, const pi_grid *grid, const int bits, const int uniform, uint8_t *packed) {
    vf inv = vf_set1(inverse), middle[3];
    const int half = 1 << (bits - 1);
    for (int l = 0; l < 3; l++) {
        middle[l] = vf_set1(l + 1 < half ? (grid->magnitude[l] + grid->magnitude[l + 1]) * 0.5f : INFINITY);
    }
    for (int i = 0; i < PI_BLOCK; i += PI_CODES) {
        vi part[PI_PARTS];
#pragma GCC unroll 4
        for (int p = 0; p < PI_PARTS; p++) {
            vf z = vf_load(x + i + p * VF_LANES) * inv;
            part[p] = uniform ? uniform_codes(z, half) : symmetric_codes(z, middle, half);
        }
        pack_codes(part, bits, packed + i / 8 * bits);
    }
}

VF_INLINE void encode_block(const float *x, float step, const pi_grid *grid, uint8_t *block) {
    if (!(step - step == 0) || step == 0) {
        const uint64_t eight = grid->bits == 3 ? 0x924924 : 0xaaaa; /* eight codes of +0: 4 or 2 */
        for (int g = 0; g < PI_BLOCK / 8; g++) {
            for (int byte = 0; byte < grid->bits; byte++) {
                block[g * grid->bits + byte] = (uint8_t)(eight >> 8 * byte);
            }
        }
    } else if (grid->bits == 3 && grid->uniform) {
        encode(x, 1.0f / step, grid, 3, 1, block);
    } else if (grid->bits == 3) {
        encode(x, 1.0f / step, grid, 3, 0, block);
    } else if (grid->uniform) {
        encode(x, 1.0f / step, grid, 2, 1, block);
    } else {
        encode(x, 1.0f / step, grid, 2, 0, block);
    }
    put_u16(block + PI_BLOCK * grid->bits / 8, setun_half_from_float(step));
}

/* The step of a block is found before the one in front of it is encoded: a chain of operations that wait for each other beside many that do
 * not. */
static void quantize_blocks(const float *x, const float *importance, const pi_grid *grid, const pi_scaling *scaling, int64_t count,
                            uint8_t *blocks) {
    float step = choose_step(x, importance, grid, scaling);
    for (int64_t b = 0; b < count; b++, x += PI_BLOCK, blocks += SETUN_PI_BLOCK_BYTES(grid->bits)) {
        float next = 0;
        if (b + 1 < count) {
            importance = importance == NULL ? NULL : importance + PI_BLOCK;
            next = choose_step(x + PI_BLOCK, importance, grid, scaling);
        }
        encode_block(x, step, grid, blocks);
        step = next;
    }
}
