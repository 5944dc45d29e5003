#define BF16_KERNELS setun_bf16_portable
#include "simd/gemm/bf16_body.h"
