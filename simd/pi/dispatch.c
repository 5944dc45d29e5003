#include "simd/common/tiers.h"
#include "simd/pi/pi.h"

SETUN_TIERS(setun_pi_kernels, setun_pi)
