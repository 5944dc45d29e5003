/* Codes to their bits. Included once per tier. */
#include "simd/common/quantize_row.h"
#include "simd/pi/pi.h"

enum { PI_PARTS = 4, PI_CODES = PI_PARTS * VF_LANES }; /* vectors of codes that are packed together; their codes */

VF_INLINE void put_u16(uint8_t *to, uint64_t bits) {
    to[0] = (uint8_t)bits;
    to[1] = (uint8_t)(bits >> 8);
}

/* Packs PI_CODES codes, given less their half. Their lowest bytes count; with AVX-512, where one instruction raises many bytes that are too
 * low, whole lanes do, and codes below 0 become 0. */
#if defined(__AVX512F__)

VF_INLINE void pack_codes(const vi part[PI_PARTS], const int bits, uint8_t *packed) {
    const __m512i half = _mm512_set1_epi8((char)(1 << (bits - 1))), lowest = _mm512_set1_epi8((char)-(1 << (bits - 1)));
    __m512i first = _mm512_packs_epi32((__m512i)part[0], (__m512i)part[1]), second = _mm512_packs_epi32((__m512i)part[2], (__m512i)part[3]);
    /* Each 128 bits: four codes of each part. */
    __m512i codes = _mm512_add_epi8(_mm512_max_epi8(_mm512_packs_epi16(first, second), lowest), half);
    /* Neighbours meet twice: four codes at the bottom of 32 bits. */
    const __m512i pair = _mm512_set1_epi16((short)(1 | 1 << (8 + bits))), four = _mm512_set1_epi32(1 | 1 << (16 + 2 * bits));
    __m512i fours = _mm512_madd_epi16(_mm512_maddubs_epi16(codes, pair), four);
    if (bits == 2) {
        const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        _mm_storeu_si128((__m128i *)packed, _mm_shuffle_epi8(_mm512_cvtepi32_epi8(fours), order));
        return;
    }
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i sorted = _mm512_permutexvar_epi32(order, fours);
    __m512i eights = _mm512_or_si512(sorted, _mm512_srli_epi64(sorted, 20)); /* in the lowest three bytes of 64 bits */
    const __m512i together = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 8, 9, 10, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    const __m512i words = _mm512_setr_epi64(0x0008000200010000, 0x00110010000a0009, 0x001a001900180012, 0, 0, 0, 0, 0);
    __m512i all = _mm512_permutexvar_epi16(words, _mm512_shuffle_epi8(eights, together));
    _mm_storeu_si128((__m128i *)packed, _mm512_castsi512_si128(all));
    _mm_storel_epi64((__m128i *)(packed + 16), _mm512_extracti32x4_epi32(all, 1));
}

#else

typedef uint64_t vq __attribute__((vector_size(4 * VF_LANES)));

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

VF_INLINE void pack_codes(const vi part[PI_PARTS], const int bits, uint8_t *packed) {
    int8_t bytes[PI_CODES];
    for (int p = 0; p < PI_PARTS; p++) {
        quantize_store(bytes + p * VF_LANES, VF_LANES, part[p] + (1 << (bits - 1)));
    }
    vq codes;
    memcpy(&codes, bytes, sizeof codes);
    codes = gather_codes(codes, bits);
    for (int g = 0; g < PI_CODES / 8; g++) {
        put_u16(packed + g * bits, codes[g]);
        if (bits == 3) {
            packed[g * bits + 2] = (uint8_t)(codes[g] >> 16);
        }
    }
}

#endif
