/* AVX-512: vpermps picks by the four low bits of each lane, so two tables serve two planes before the bytes need a shift. */
#include <immintrin.h>

typedef __m512 vec;
typedef __m512i lanes;
#define TIER avx512
#define ROWS 4
#define COLS 4
#define ZERO() _mm512_setzero_ps()
#define LOAD(p) _mm512_loadu_ps(p)
#define FMA(a, b, sum) _mm512_fmadd_ps(a, b, sum)
#define EXPAND(p) _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(p)))
#define WEIGHTS(ix, i) _mm512_permutexvar_ps((i) < 2 ? (ix) : _mm512_srli_epi32(ix, 4), (i) % 2 == 0 ? LOW_BITS : HIGH_BITS)
#define LOW_BITS _mm512_setr_ps(-1, 0, 1, 0, -1, 0, 1, 0, -1, 0, 1, 0, -1, 0, 1, 0)
#define HIGH_BITS _mm512_setr_ps(-1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0)
#define FOLD(v) _mm512_reduce_add_ps(v)

#include "f32_body.h"
