#define BF16_KERNELS setun_bf16_amx
#define BF_TILES
#include "simd/gemm/bf16_body.h"
