/* The probes of one tier. A file that includes this defines TIER and ISA and
 *   fvec, FMA(a, b, sum)        a vector of floats and its multiply-add
 *   ivec, DOT(sum, a, b)        a vector and its int8 multiply-add into wider lanes;  DOT_MACS multiply-adds of one
 *   DOT_BF16(sum, a, b)         if the tier has one: multiply-add of pairs of bf16 (fvecs hold them) into an fvec
 *   KEEP(v)                     makes the compiler believe that v is used and changed
 *   STREAM(to, v)               a store of the fvec v that bypasses the caches; to is aligned to 64
 * and OWN_DOTS if it writes dot_int8_TIER and dot_bf16_TIER itself. */
#include <string.h>

#include "measure.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(x) JOIN(x, TIER)

typedef uint64_t bits __attribute__((vector_size(sizeof(fvec))));

/* `streams` (1 or 4) equal parts side by side; eight loads in a round. */
static inline __attribute__((always_inline)) uint64_t read_all(const char *buffer, int64_t bytes, int64_t ahead, int streams) {
    enum { WORDS = sizeof(bits) / 8 };
    int64_t length = bytes / streams, step = 8 / streams * (int64_t)sizeof(bits);
    bits sum[8] = {0};
    for (int64_t i = 0; i < length; i += step) {
        for (int s = 0; s < streams; s++) {
            const char *at = buffer + s * length + i;
            for (int line = 0; ahead > 0 && line < step; line += 64) {
                __builtin_prefetch(at + ahead + line, 0, 2); /* second cache: more lines under way */
            }
            for (int j = 0; j < 8 / streams; j++) {
                bits v;
                memcpy(&v, at + j * (int64_t)sizeof v, sizeof v);
                sum[s * (8 / streams) + j] ^= v;
            }
        }
    }
    for (int j = 1; j < 8; j++) {
        sum[0] ^= sum[j];
    }
    uint64_t folded = 0;
    for (int i = 0; i < WORDS; i++) {
        folded ^= sum[0][i];
    }
    return folded;
}

enum { NEAR = 2048, FAR = 12288 };
static uint64_t NAME(read_plain)(const void *buffer, int64_t bytes) { return read_all(buffer, bytes, 0, 1); }
static uint64_t NAME(read_near)(const void *buffer, int64_t bytes) { return read_all(buffer, bytes, NEAR, 1); }
static uint64_t NAME(read_far)(const void *buffer, int64_t bytes) { return read_all(buffer, bytes, FAR, 1); }
static uint64_t NAME(read_streams)(const void *buffer, int64_t bytes) { return read_all(buffer, bytes, 0, 4); }
static uint64_t NAME(read_streams_near)(const void *buffer, int64_t bytes) { return read_all(buffer, bytes, NEAR, 4); }

static void NAME(copy_streaming)(void *to, const void *from, int64_t bytes) {
    char *out = to;
    const char *in = from;
    for (int64_t i = 0; i < bytes; i += 8 * (int64_t)sizeof(fvec)) {
        __builtin_prefetch(in + i + NEAR, 0, 2);
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) {
            fvec v;
            memcpy(&v, in + i + j * (int64_t)sizeof v, sizeof v);
            STREAM(out + i + j * (int64_t)sizeof v, v);
        }
    }
#if defined(__x86_64__)
    __builtin_ia32_sfence(); /* streamed stores are ordered by a fence only */
#endif
}

/* Twelve independent sums cover the latency on two ports. They are variables with names, as an array would not stay in registers. */
#define EACH(use) use(0) use(1) use(2) use(3) use(4) use(5) use(6) use(7) use(8) use(9) use(10) use(11)
#define KEEP_SUM(i) KEEP(sum##i); /* or the compiler would see that all sums are the same */
enum { CHAINS = 12 };

/* A probe: CHAINS sums of type `vec`, fed by op(i); `macs` multiply-adds each. In each round the operands are new to the compiler, so
 * that nothing moves out of the loop. */
#define REGISTER_PROBE(name, vec, op, macs)                                                                                                \
    static int64_t NAME(name)(int64_t rounds) {                                                                                            \
        vec a = {0}, b = {0};                                                                                                              \
        EACH(ZERO_##vec)                                                                                                                   \
        EACH(KEEP_SUM)                                                                                                                     \
        for (int64_t i = 0; i < rounds; i++) {                                                                                             \
            KEEP(a);                                                                                                                       \
            KEEP(b);                                                                                                                       \
            EACH(op)                                                                                                                       \
        }                                                                                                                                  \
        EACH(KEEP_SUM)                                                                                                                     \
        return rounds * CHAINS * (int64_t)(macs);                                                                                          \
    }
#define ZERO_fvec(i) fvec sum##i = {0};
#define ZERO_ivec(i) ivec sum##i = {0};
#define FMA_STEP(i) sum##i = FMA(a, b, sum##i);
#define DOT_STEP(i) sum##i = DOT(sum##i, a, b);
#define BF16_STEP(i) sum##i = DOT_BF16(sum##i, a, b);

REGISTER_PROBE(fma_f32, fvec, FMA_STEP, sizeof(fvec) / sizeof(float))
#if !defined(OWN_DOTS)
REGISTER_PROBE(dot_int8, ivec, DOT_STEP, DOT_MACS)
#if defined(DOT_BF16)
REGISTER_PROBE(dot_bf16, fvec, BF16_STEP, sizeof(fvec) / 2)
#else
static int64_t NAME(dot_bf16)(int64_t rounds) { return NAME(fma_f32)(rounds); } /* widened to fp32, as the kernels do */
#endif
#endif

const measure_probes NAME(measure) = {
    .isa = ISA,
    .read = {NAME(read_plain), NAME(read_near), NAME(read_far), NAME(read_streams), NAME(read_streams_near)},
    .copy_streaming = NAME(copy_streaming),
    .fma_f32 = NAME(fma_f32),
    .dot_int8 = NAME(dot_int8),
    .dot_bf16 = NAME(dot_bf16)};
