#include "simd/common/tiers.h"
#include "simd/hadamard/hadamard.h"

SETUN_TIERS(setun_hadamard_kernels, setun_hadamard)
