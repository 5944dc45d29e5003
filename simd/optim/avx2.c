#define OPTIM_KERNELS setun_optim_avx2
#include "simd/optim/optim_body.h"
