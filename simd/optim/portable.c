#define OPTIM_KERNELS setun_optim_portable
#include "simd/optim/optim_body.h"
