#include "simd/common/tiers.h"
#include "simd/gemm/gemm.h"

SETUN_TIERS(setun_gemm_kernels, setun_gemm)
