#define ACTIVATION_KERNELS setun_activation_portable
#include "simd/activation/activation_body.h"
