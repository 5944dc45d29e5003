#define NN_KERNELS setun_nn_portable
#include "simd/nn/kernels_body.h"
