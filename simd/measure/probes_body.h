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
            __builtin_prefetch(buffer + i + ahead + line);
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
static uint64_t NAME(read_prefetched)(const void *buffer, int64_t bytes) { return read_all(buffer, bytes, 4096); }

/* Independent sums: enough to cover the latency on two ports. */
enum { CHAINS = 12 };

static int64_t NAME(fma_f32)(int64_t rounds) {
    fvec a = {0}, b = {0}, sum[CHAINS];
    memset(sum, 0, sizeof sum);
    for (int j = 0; j < CHAINS; j++) {
        KEEP(sum[j]); /* or the compiler would see that all chains are the same */
    }
    for (int64_t i = 0; i < rounds; i++) {
        KEEP(a); /* new to the compiler in each round: nothing moves out of the loop */
        KEEP(b);
#pragma GCC unroll 12
        for (int j = 0; j < CHAINS; j++) {
            sum[j] = FMA(a, b, sum[j]);
        }
    }
    for (int j = 0; j < CHAINS; j++) {
        KEEP(sum[j]);
    }
    return rounds * CHAINS * (int64_t)(sizeof(fvec) / sizeof(float));
}

#if !defined(OWN_DOT)
static int64_t NAME(dot_int8)(int64_t rounds) {
    ivec a, b, sum[CHAINS];
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    memset(sum, 0, sizeof sum);
    for (int j = 0; j < CHAINS; j++) {
        KEEP(sum[j]);
    }
    for (int64_t i = 0; i < rounds; i++) {
        KEEP(a);
        KEEP(b);
#pragma GCC unroll 12
        for (int j = 0; j < CHAINS; j++) {
            sum[j] = DOT(sum[j], a, b);
        }
    }
    for (int j = 0; j < CHAINS; j++) {
        KEEP(sum[j]);
    }
    return rounds * CHAINS * DOT_MACS;
}
#endif

const measure_probes NAME(measure) = {.isa = ISA,
                                      .read = NAME(read),
                                      .read_prefetched = NAME(read_prefetched),
                                      .fma_f32 = NAME(fma_f32),
                                      .dot_int8 = NAME(dot_int8)};
