#define PI_KERNELS setun_pi_avx2
#include "simd/pi/quantize_body.h"

#include "simd/pi/dequantize_body.h"

const setun_pi_kernels PI_KERNELS = {quantize_blocks, dequantize_block};
