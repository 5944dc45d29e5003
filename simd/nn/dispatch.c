#include "simd/common/tiers.h"
#include "simd/nn/nn.h"

SETUN_TIERS(setun_nn_kernels, setun_nn)
