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
    void (*adamw8)(const setun_adamw8_args *args, float factor, int64_t first, int64_t last); /* whole blocks */
    /* Of a row: the sum of its squares, which are also added to those of the columns; the sum of squares of its steps; the update. */
    double (*adafactor_squares)(const float *g, int64_t columns, double *of_columns);
    double (*adafactor_norm)(const float *g, int64_t columns, float factor, float row, const float *of_columns);
    void (*adafactor_update)(const setun_adafactor_args *args, int64_t row_index, float factor, float row, const float *of_columns,
                             float clip);
} setun_optim_kernels;

const setun_optim_kernels *setun_optim_select(setun_isa isa);

#endif
