#define GEMM_KERNELS setun_gemm_portable
#include "simd/gemm/f32_body.h"
