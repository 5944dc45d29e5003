#define GEMM_KERNELS setun_gemm_avx2
#include "simd/gemm/f32_body.h"
