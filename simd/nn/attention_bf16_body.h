/* Attention in bf16, of one tier; included once per tier with ATTENTION_BF16 as the name of its table. */
#include "simd/common/check.h"
#include "simd/common/micro_bf16.h"
#include "simd/common/vec_math.h"
#include "simd/nn/attention_bf16.h"

#include "simd/nn/attention_bf16_pack.h"

#include "simd/nn/attention_bf16_forward.h"

#include "simd/nn/attention_bf16_backward.h"

const setun_attention_bf16_kernels ATTENTION_BF16 = {
    .value = sizeof(bf_value),
    .pack_keys = bf16_pack_keys,
    .forward = bf16_forward,
    .pack_queries = bf16_pack_queries,
    .backward = bf16_backward,
    .finish_queries = bf16_finish_queries,
};
