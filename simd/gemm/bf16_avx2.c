#define BF16_KERNELS setun_bf16_avx2
#include "simd/gemm/bf16_body.h"
