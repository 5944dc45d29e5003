#define ATTENTION_BF16 setun_attention_bf16_avx2
#include "simd/nn/attention_bf16_body.h"
