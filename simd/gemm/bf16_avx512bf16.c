#define BF16_KERNELS setun_bf16_avx512bf16
#include "simd/gemm/bf16_body.h"
