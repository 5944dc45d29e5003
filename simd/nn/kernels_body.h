/* The network kernels of one tier; included once per tier with NN_KERNELS as the name of its table. */
#include "simd/common/check.h"
#include "simd/common/micro.h"
#include "simd/common/rms.h"
#include "simd/common/vec_glu.h"
#include "simd/nn/nn.h"

#include "simd/nn/pointwise_body.h"
#include "simd/nn/rows_body.h"

#include "simd/nn/distill_body.h"

#include "simd/nn/attention_forward_body.h"

#include "simd/nn/attention_backward_body.h"

const setun_nn_kernels NN_KERNELS = {
    .rmsnorm_forward = rmsnorm_forward,
    .rmsnorm_backward = rmsnorm_backward,
    .rope_row = rope_row,
    .attention_forward = attention_forward,
    .attention_delta = attention_delta,
    .attention_backward = attention_backward,
    .glu_forward = glu_forward,
    .glu_backward = glu_backward,
    .relu_forward = relu_forward,
    .relu_backward = relu_backward,
    .axpby = axpby,
    .add_rows = add_rows,
    .cross_entropy = cross_entropy,
    .distill = distill,
};
