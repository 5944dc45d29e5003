#define ACTIVATION_KERNELS setun_activation_avx2
#include "simd/activation/activation_body.h"
