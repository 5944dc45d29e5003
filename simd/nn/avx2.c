#define NN_KERNELS setun_nn_avx2
#include "simd/nn/kernels_body.h"
