#define FAKEQUANT_KERNELS setun_fakequant_avx512
#include "simd/fakequant/fakequant_body.h"
