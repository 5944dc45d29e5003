#define GEMM_KERNELS setun_gemm_portable
#include "simd/gemm/tile_body.h"
