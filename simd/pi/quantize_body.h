/* The codes of a block of 256 values and their bytes. Included once per tier. */
#include "simd/pi/search_body.h"

/* With levels above the uniform zero, codes are the rounded values; the lowest byte of ROUNDER is 0. */
VF_INLINE vi uniform_codes(vf z, int half) {
    vf inside = vf_min(vf_max(z, vf_set1((float)-half)), vf_set1((float)(half - 1)));
    return (vi)(inside + vf_set1(ROUNDER)) + half;
}

/* middle: between the magnitudes, three of them; what is not there is infinite. */
VF_INLINE vi symmetric_codes(vf z, const vf middle[3], int half) {
    vf magnitude = vf_abs(z);
#if defined(__AVX512F__)
    __m512i code = _mm512_set1_epi32(half), below = _mm512_set1_epi32(2 * half - 1);
    for (int l = 0; l < 3; l++) {
        __mmask16 above = _mm512_cmp_ps_mask(magnitude, middle[l], _CMP_GT_OQ);
        code = _mm512_mask_mov_epi32(code, above, _mm512_set1_epi32(half + 1 + l));
    }
    __mmask16 negative = _mm512_cmp_ps_mask(z, _mm512_setzero_ps(), _CMP_LT_OQ);
    return (vi)_mm512_mask_sub_epi32(code, negative, below, code);
#else
    vi index = -((magnitude > middle[0]) + (magnitude > middle[1]) + (magnitude > middle[2]));
    return (index ^ (z < vf_set1(0))) + half; /* ~index = -1 - index */
#endif
}

VF_INLINE void put_u16(uint8_t *to, uint64_t bits) {
    to[0] = (uint8_t)bits;
    to[1] = (uint8_t)(bits >> 8);
}

typedef uint64_t vq __attribute__((vector_size(4 * VF_LANES)));
enum { CODE_GROUPS = VF_LANES / 2, CODES = 8 * CODE_GROUPS }; /* groups of eight codes in a vector of bytes; its codes */

/* Eight codes lie in the bytes of 64 bits. Neighbours move together three times: 8 * bits bits at the bottom. */
VF_INLINE vq gather_codes(vq c, const int bits) {
    if (bits == 3) {
        c = (c | c >> 5) & 0x003f003f003f003f;
        c = (c | c >> 10) & 0x00000fff00000fff;
        return (c | c >> 20) & 0xffffff;
    }
    c = (c | c >> 6) & 0x000f000f000f000f;
    c = (c | c >> 12) & 0x000000ff000000ff;
    return (c | c >> 24) & 0xffff;
}

/* Writes CODES codes; up to two bytes behind them are written too. */
VF_INLINE void store_codes(vq codes, const int bits, uint8_t *packed) {
    vq gathered = gather_codes(codes, bits);
#if defined(__AVX512F__)
    if (bits == 2) {
        __m128i halves = _mm512_cvtepi64_epi16((__m512i)gathered);
        memcpy(packed, &halves, sizeof halves);
        return;
    }
    /* In each 128 bits two groups of three bytes come together. */
    const __m512i together = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 8, 9, 10, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    __m512i joined = _mm512_shuffle_epi8((__m512i)gathered, together);
    _mm_storel_epi64((__m128i *)packed, _mm512_castsi512_si128(joined));
    _mm_storel_epi64((__m128i *)(packed + 6), _mm512_extracti32x4_epi32(joined, 1));
    _mm_storel_epi64((__m128i *)(packed + 12), _mm512_extracti32x4_epi32(joined, 2));
    _mm_storel_epi64((__m128i *)(packed + 18), _mm512_extracti32x4_epi32(joined, 3));
#else
    for (int g = 0; g < CODE_GROUPS; g++) {
        put_u16(packed + g * bits, gathered[g]);
        if (bits == 3) {
            packed[g * bits + 2] = (uint8_t)(gathered[g] >> 16);
        }
    }
#endif
}

/* The lowest bytes of four vectors, in order. */
VF_INLINE vq join_codes(const vi part[4]) {
#if defined(__AVX512F__)
    __m512i low = _mm512_packs_epi32((__m512i)part[0], (__m512i)part[1]), high = _mm512_packs_epi32((__m512i)part[2], (__m512i)part[3]);
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return (vq)_mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high));
#else
    int8_t bytes[CODES];
    for (int p = 0; p < 4; p++) {
        quantize_store(bytes + p * VF_LANES, VF_LANES, part[p]);
    }
    vq joined;
    memcpy(&joined, bytes, sizeof joined);
    return joined;
#endif
}

VF_INLINE void encode(const float *x, float inverse, const pi_grid *grid, const int bits, const int uniform, uint8_t *packed) {
    vf inv = vf_set1(inverse), middle[3];
    const int half = 1 << (bits - 1);
    for (int l = 0; l < 3; l++) {
        middle[l] = vf_set1(l + 1 < half ? (grid->magnitude[l] + grid->magnitude[l + 1]) * 0.5f : INFINITY);
    }
    for (int i = 0; i < PI_BLOCK; i += CODES) {
        vi part[4];
#pragma GCC unroll 4
        for (int p = 0; p < 4; p++) {
            vf z = vf_load(x + i + p * VF_LANES) * inv;
            part[p] = uniform ? uniform_codes(z, half) : symmetric_codes(z, middle, half);
#if defined(__AVX512F__)
            if (uniform) { /* what packs saturates must lose the bits of ROUNDER */
                part[p] = part[p] & 0xff;
            }
#endif
        }
        store_codes(join_codes(part), bits, packed + i / 8 * bits);
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
