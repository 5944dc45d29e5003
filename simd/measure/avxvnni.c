/* AVX-VNNI, 256 bits. */
#include <immintrin.h>

typedef __m256 fvec;
typedef __m256i ivec;
#define TIER avxvnni
#define ISA SETUN_ISA_AVXVNNI
#define FMA(a, b, sum) _mm256_fmadd_ps(a, b, sum)
#define DOT(sum, a, b) _mm256_dpbusd_avx_epi32(sum, a, b)
#define DOT_MACS 32
#define KEEP(v) __asm__ volatile("" : "+x"(v))
#define STREAM(to, v) _mm256_stream_ps((float *)(to), v)

#include "probes_body.h"
