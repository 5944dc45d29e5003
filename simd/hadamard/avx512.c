#define HADAMARD_KERNELS setun_hadamard_avx512
#include "simd/hadamard/hadamard_body.h"
