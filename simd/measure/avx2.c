/* AVX2: vpmaddubsw and vpaddw, the int16 sums of the ternary kernel. */
#include <immintrin.h>

typedef __m256 fvec;
typedef __m256i ivec;
#define TIER avx2
#define ISA SETUN_ISA_AVX2
#define FMA(a, b, sum) _mm256_fmadd_ps(a, b, sum)
#define DOT(sum, a, b) _mm256_add_epi16(sum, maddubs(a, b))
#define DOT_MACS 32
#define KEEP(v) __asm__ volatile("" : "+x"(v))
#define STREAM(to, v) _mm256_stream_ps((float *)(to), v)

/* Opaque, or the compiler would compute the product of a round once for all chains. */
static inline __m256i maddubs(__m256i a, __m256i b) {
    __m256i r;
    __asm__ volatile("vpmaddubsw %2, %1, %0" : "=x"(r) : "x"(a), "x"(b));
    return r;
}

#include "probes_body.h"
