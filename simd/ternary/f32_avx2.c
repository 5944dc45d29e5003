/* AVX2: vpermilps picks -1, 0 or 1 by the two low bits of each lane. */
#include <immintrin.h>

typedef __m256 vec;
typedef __m256i lanes;
#define TIER avx2
#define ROWS 2
#define COLS 4
#define ZERO() _mm256_setzero_ps()
#define LOAD(p) _mm256_loadu_ps(p)
#define FMA(a, b, sum) _mm256_fmadd_ps(a, b, sum)
#define EXPAND(p) _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p)))
#define WEIGHTS(ix, i) _mm256_permutevar_ps(_mm256_setr_ps(-1, 0, 1, 0, -1, 0, 1, 0), _mm256_srli_epi32(ix, 2 * (i)))
#define FOLD(v) fold(v)

static inline float fold(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}

#include "f32_body.h"
