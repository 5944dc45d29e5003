/* The Hadamard family inside the library: what a tier provides. */
#ifndef SETUN_SIMD_HADAMARD_H
#define SETUN_SIMD_HADAMARD_H

#include "setun/gemm.h"
#include "setun/hadamard.h"
#include "simd/hadamard/factors.h"

/* A call: a transform of rows, and the rounding of its values where q is not NULL. */
typedef struct hadamard_job {
    hadamard_factors factors;
    const float *signs_of[HADAMARD_MOST_FACTORS]; /* hadamard_paley_signs */
    float scale;
    int64_t rows, n, ldx, ldy;
    int32_t type;
    bool inverse;
    const void *x;
    const uint8_t *signs; /* or NULL */
    void *y;              /* NULL: the values are only rounded */
    int8_t *q;            /* or NULL */
    int64_t ldq;
    float *step;
    int32_t *sum;
} hadamard_job;

/* Transforms rows [first, last). scratch: n floats of the calling worker, 64-byte aligned; used if y is NULL or bf16. */
typedef struct setun_hadamard_kernels {
    void (*rows)(const hadamard_job *job, int64_t first, int64_t last, float *scratch);
} setun_hadamard_kernels;

const setun_hadamard_kernels *setun_hadamard_select(setun_isa isa);

#endif
