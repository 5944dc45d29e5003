/* Optimizer kernels, internal contract: what a tier computes. Orders of operations: setun/optim.h. */
#ifndef SETUN_SIMD_OPTIM_H
#define SETUN_SIMD_OPTIM_H

#include "setun/optim.h"
#include "simd/common/fixed_sums.h"

typedef struct setun_optim_kernels {
    double (*sum)(const float *x, int64_t count); /* one chunk: count <= SUM_CHUNK */
    double (*sum_squares)(const float *x, int64_t count);
    void (*adamw)(const setun_adamw_args *args, float factor, int64_t first, int64_t last);
    void (*sgd)(const setun_sgd_args *args, float factor, int64_t first, int64_t last);
    void (*lion)(const setun_lion_args *args, float factor, int64_t first, int64_t last);
} setun_optim_kernels;

const setun_optim_kernels *setun_optim_select(setun_isa isa);

#endif
