#define HADAMARD_KERNELS setun_hadamard_portable
#include "simd/hadamard/hadamard_body.h"
