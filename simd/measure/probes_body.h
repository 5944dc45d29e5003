/* The probes of one tier. A file that includes this defines TIER and ISA and
 *   fvec, FMA(a, b, sum)   a vector of floats and its multiply-add
 *   ivec, DOT(sum, a, b)   a vector and its int8 multiply-add into wider lanes;  DOT_MACS multiply-adds of one
 *   KEEP(v)                makes the compiler believe that v is used and changed */
#include <string.h>

#include "measure.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(x) JOIN(x, TIER)

typedef uint64_t bits __attribute__((vector_size(sizeof(fvec))));

static inline __attribute__((always_inline)) uint64_t read_all(const char *buffer, int64_t bytes, int64_t ahead) {
    enum { STEP = 8 * sizeof(bits), WORDS = sizeof(bits) / 8 };
    bits sum[8] = {0};
    for (int64_t i = 0; i + STEP <= bytes; i += STEP) {
        for (int line = 0; ahead > 0 && line < STEP; line += 64) {
            __builtin_prefetch(buffer + i + ahead + line, 0, 2); /* second cache: more lines under way */
        }
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) {
            bits v;
            memcpy(&v, buffer + i + j * (int64_t)sizeof v, sizeof v);
            sum[j] ^= v;
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

static uint64_t NAME(read)(const void *buffer, int64_t bytes) { return read_all(buffer, bytes, 0); }
static uint64_t NAME(read_prefetched)(const void *buffer, int64_t bytes) { return read_all(buffer, bytes, 12288); }

/* Twelve independent sums cover the latency on two ports. They are variables with names, as an array would not stay in registers. */
#define EACH(use) use(0) use(1) use(2) use(3) use(4) use(5) use(6) use(7) use(8) use(9) use(10) use(11)
#define KEEP_SUM(i) KEEP(sum##i); /* or the compiler would see that all sums are the same */
enum { CHAINS = 12 };

static int64_t NAME(fma_f32)(int64_t rounds) {
    fvec a = {0}, b = {0};
#define ZERO(i) fvec sum##i = {0};
#define STEP(i) sum##i = FMA(a, b, sum##i);
    EACH(ZERO)
    EACH(KEEP_SUM)
    for (int64_t i = 0; i < rounds; i++) {
        KEEP(a); /* new to the compiler in each round: nothing moves out of the loop */
        KEEP(b);
        EACH(STEP)
    }
    EACH(KEEP_SUM)
#undef ZERO
#undef STEP
    return rounds * CHAINS * (int64_t)(sizeof(fvec) / sizeof(float));
}

#if !defined(OWN_DOT)
static int64_t NAME(dot_int8)(int64_t rounds) {
    ivec a = {0}, b = {0};
#define ZERO(i) ivec sum##i = {0};
#define STEP(i) sum##i = DOT(sum##i, a, b);
    EACH(ZERO)
    EACH(KEEP_SUM)
    for (int64_t i = 0; i < rounds; i++) {
        KEEP(a);
        KEEP(b);
        EACH(STEP)
    }
    EACH(KEEP_SUM)
#undef ZERO
#undef STEP
    return rounds * CHAINS * DOT_MACS;
}
#endif

const measure_probes NAME(measure) = {.isa = ISA,
                                      .read = NAME(read),
                                      .read_prefetched = NAME(read_prefetched),
                                      .fma_f32 = NAME(fma_f32),
                                      .dot_int8 = NAME(dot_int8)};
