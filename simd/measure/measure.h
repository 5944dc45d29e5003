/* The probes that a tier provides to setun_measure. */
#ifndef SETUN_SIMD_MEASURE_H
#define SETUN_SIMD_MEASURE_H

#include "runtime.h"
#include "setun/measure.h"

typedef struct measure_probes {
    setun_isa isa;
    /* Read bytes (a multiple of 1024) in one of the ways SETUN_WALK_READ_PLAIN .. READ_STREAMS_NEAR and return the xor of all, so that no
     * load can be left out. */
    uint64_t (*read[SETUN_WALK_READ_STREAMS_NEAR + 1])(const void *buffer, int64_t bytes);
    /* Copies bytes (a multiple of 1024) between addresses aligned to 64 with stores that bypass the caches. */
    void (*copy_streaming)(void *to, const void *from, int64_t bytes);
    /* Run `rounds` rounds in registers and return the multiply-adds done. */
    int64_t (*fma_f32)(int64_t rounds);
    int64_t (*dot_int8)(int64_t rounds);
    int64_t (*dot_bf16)(int64_t rounds);
} measure_probes;

extern const measure_probes measure_portable, measure_avx2, measure_avxvnni, measure_avx512, measure_avx512bf16, measure_amx,
    measure_neon_dot, measure_neon_i8mm;

#endif
