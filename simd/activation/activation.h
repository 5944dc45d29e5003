/* Fused activations, internal contract: what a tier computes of each function of setun/activation.h. */
#ifndef SETUN_SIMD_ACTIVATION_H
#define SETUN_SIMD_ACTIVATION_H

#include "setun/activation.h"

/* Rows [first, last); row: d floats of scratch, 64-byte aligned. */
typedef struct setun_activation_kernels {
    void (*rmsnorm_quantize)(const setun_rmsnorm_quantize_args *args, int64_t first, int64_t last, float *row);
    void (*glu_quantize)(const setun_glu_quantize_args *args, int64_t first, int64_t last, float *row);
} setun_activation_kernels;

const setun_activation_kernels *setun_activation_select(setun_isa isa);

#endif
