#define FAKEQUANT_KERNELS setun_fakequant_portable
#include "simd/fakequant/fakequant_body.h"
