#define BF16_KERNELS setun_bf16_avx512
#include "simd/gemm/bf16_body.h"
