#include "simd/common/tiers.h"
#include "simd/optim/optim.h"

SETUN_TIERS(setun_optim_kernels, setun_optim)
