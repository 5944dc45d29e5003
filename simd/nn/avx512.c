#define NN_KERNELS setun_nn_avx512
#include "simd/nn/kernels_body.h"
