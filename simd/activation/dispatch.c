#include "simd/activation/activation.h"
#include "simd/common/tiers.h"

SETUN_TIERS(setun_activation_kernels, setun_activation)
