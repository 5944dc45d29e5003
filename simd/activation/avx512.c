#define ACTIVATION_KERNELS setun_activation_avx512
#include "simd/activation/activation_body.h"
