/* What the compiler makes of plain C on the architecture's baseline (SSE2, NEON). */
#include <stdint.h>

typedef float fvec __attribute__((vector_size(16)));
typedef int16_t ivec __attribute__((vector_size(16)));
#define TIER portable
#define ISA SETUN_ISA_PORTABLE
#define FMA(a, b, sum) ((a) * (b) + (sum))
#define DOT(sum, a, b) ((sum) + (a) * (b)) /* bytes widened to int16 beforehand, as the portable kernel has them */
#define DOT_MACS 8
#if defined(__x86_64__)
#define KEEP(v) __asm__ volatile("" : "+x"(v))
#elif defined(__aarch64__)
#define KEEP(v) __asm__ volatile("" : "+w"(v))
#else
#define KEEP(v) __asm__ volatile("" : "+m"(v))
#endif
#if defined(__SSE__)
#include <xmmintrin.h>
#define STREAM(to, v) _mm_stream_ps((float *)(to), v)
#else
#define STREAM(to, v) memcpy(to, &(v), sizeof(fvec)) /* no such store in plain C */
#endif

#include "probes_body.h"
