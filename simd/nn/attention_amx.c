#define BF_TILES
#define ATTENTION_BF16 setun_attention_bf16_amx
#include "simd/nn/attention_bf16_body.h"
