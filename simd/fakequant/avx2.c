#define FAKEQUANT_KERNELS setun_fakequant_avx2
#include "simd/fakequant/fakequant_body.h"
