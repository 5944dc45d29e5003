/* Values of a block: level(code) * step, from a table of eight products. Included once per tier. */
#include "half.h"
#include "simd/common/vec.h"
#include "simd/pi/pi.h"

#if defined(__AVX512F__) || defined(__AVX2__)

/* VF_LANES codes, each at the bottom of a lane; what lies above does not matter. The last codes of a block are read from earlier bytes on,
 * so that nothing behind the block is touched. */
VF_INLINE vi codes_at(const uint8_t *block, int i, const int bits) {
#if defined(__AVX512F__)
    if (bits == 2) {
        const __m512i shifts = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        int32_t word;
        memcpy(&word, block + i / 4, sizeof word);
        return (vi)_mm512_srlv_epi32(_mm512_set1_epi32(word), shifts);
    }
    /* Two groups of three bytes: the first to lanes 0 to 7, the second to lanes 8 to 15. */
    const __m512i shifts = _mm512_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21, 0, 3, 6, 9, 12, 15, 18, 21);
    const __m256i second = _mm256_set1_epi32(0x06050403);
    const __m512i spread = _mm512_inserti64x4(_mm512_set1_epi32(0x03020100), second, 1);
    int from = i * 3 / 8, rest = from + 8 > PI_BLOCK * 3 / 8 ? from + 8 - PI_BLOCK * 3 / 8 : 0;
    int64_t words;
    memcpy(&words, block + from - rest, sizeof words);
    __m512i bytes = _mm512_shuffle_epi8(_mm512_set1_epi64((int64_t)((uint64_t)words >> 8 * rest)), spread);
    return (vi)_mm512_srlv_epi32(bytes, shifts);
#else
    int32_t word;
    memcpy(&word, block + i * bits / 8, sizeof word); /* at most one byte of the step */
    const __m256i shifts = bits == 2 ? _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14) : _mm256_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21);
    return (vi)_mm256_srlv_epi32(_mm256_set1_epi32(word), shifts);
#endif
}

VF_INLINE vf look_up(vf table, vi codes) {
#if defined(__AVX512F__)
    return _mm512_permutexvar_ps((__m512i)codes, table); /* the table twice: the fourth bit does not matter */
#else
    return _mm256_permutevar8x32_ps(table, (__m256i)codes);
#endif
}

VF_INLINE void stream(float *to, vf v) {
#if defined(__AVX512F__)
    _mm512_stream_ps(to, v);
#else
    _mm256_stream_ps(to, v);
#endif
}

VF_INLINE void dequantize_codes(const uint8_t *block, const int bits, vf table, float *y, const int streamed) {
#pragma GCC unroll 8
    for (int i = 0; i < PI_BLOCK; i += VF_LANES) {
        vf values = look_up(table, codes_at(block, i, bits));
        if (streamed) {
            stream(y + i, values);
        } else {
            vf_store(y + i, values);
        }
    }
}

static void dequantize_block(const uint8_t *block, const pi_grid *grid, float *y, int streamed) {
    vf table = vf_set1(_cvtsh_ss(pi_step_bits(block, grid->bits)));
#if defined(__AVX512F__)
    table *= (vf)_mm512_broadcast_f32x8(_mm256_loadu_ps(grid->level));
#else
    table *= vf_load(grid->level);
#endif
    int aligned = (uintptr_t)y % sizeof(vf) == 0;
    if (grid->bits == 3) {
        if (streamed && aligned) {
            dequantize_codes(block, 3, table, y, 1);
        } else {
            dequantize_codes(block, 3, table, y, 0);
        }
    } else if (streamed && aligned) {
        dequantize_codes(block, 2, table, y, 1);
    } else {
        dequantize_codes(block, 2, table, y, 0);
    }
}

#else

VF_INLINE void dequantize_codes(const uint8_t *block, const int bits, const float *table, float *y) {
    for (int i = 0; i < PI_BLOCK; i += 8, y += 8, block += bits) {
        uint32_t word = (uint32_t)(block[0] | block[1] << 8);
        if (bits == 3) {
            word |= (uint32_t)block[2] << 16;
        }
        for (int j = 0; j < 8; j++) {
            y[j] = table[word >> bits * j & ((1u << bits) - 1)];
        }
    }
}

static void dequantize_block(const uint8_t *block, const pi_grid *grid, float *y, int streamed) {
    (void)streamed;
    float step = setun_half_to_float(pi_step_bits(block, grid->bits)), table[PI_MOST_LEVELS];
    for (int u = 0; u < PI_MOST_LEVELS; u++) {
        table[u] = grid->level[u] * step;
    }
    if (grid->bits == 3) {
        dequantize_codes(block, 3, table, y);
    } else {
        dequantize_codes(block, 2, table, y);
    }
}

#endif
