#define HADAMARD_KERNELS setun_hadamard_avx2
#include "simd/hadamard/hadamard_body.h"
