#define GEMM_KERNELS setun_gemm_avx512
#include "simd/gemm/f32_body.h"
