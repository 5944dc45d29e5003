#define ATTENTION_BF16 setun_attention_bf16_portable
#include "simd/nn/attention_bf16_body.h"
