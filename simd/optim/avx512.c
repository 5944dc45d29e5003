#define OPTIM_KERNELS setun_optim_avx512
#include "simd/optim/optim_body.h"
