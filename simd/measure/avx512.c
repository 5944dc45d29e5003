/* AVX-512 with VNNI. */
#include <immintrin.h>

typedef __m512 fvec;
typedef __m512i ivec;
#define TIER avx512
#define ISA SETUN_ISA_AVX512
#define FMA(a, b, sum) _mm512_fmadd_ps(a, b, sum)
#define DOT(sum, a, b) _mm512_dpbusd_epi32(sum, a, b)
#define DOT_MACS 64
#define KEEP(v) __asm__ volatile("" : "+v"(v))
#define STREAM(to, v) _mm512_stream_ps((float *)(to), v)

#include "probes_body.h"
