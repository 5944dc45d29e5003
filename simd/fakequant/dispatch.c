#include "simd/common/tiers.h"
#include "simd/fakequant/fakequant.h"

SETUN_TIERS(setun_fakequant_kernels, setun_fakequant)
