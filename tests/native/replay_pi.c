/* The pi formats of the replay vectors. */
#include <stddef.h>

#include "replay.h"

static setun_status quantize(setun_context *context, replay_case *c) {
    setun_pi_quantize_args args = {.size = sizeof args, .n = I(n), .k = I(k), .x = P(x), .ldx = I(ldx), .bits = (int32_t)I(bits),
                                   .magnitudes = (uint32_t)I(magnitudes), .base = (setun_pi_base)I(base), .count = (int32_t)I(count),
                                   .factors = P(factors), .both_signs = (int32_t)I(both_signs), .importance = P(importance),
                                   .importance_stride = I(importance_stride), .blocks = P(blocks)};
    return setun_pi_quantize(context, &args);
}

static setun_status dequantize(setun_context *context, replay_case *c) {
    setun_pi_dequantize_args args = {.size = sizeof args, .n = I(n), .k = I(k), .bits = (int32_t)I(bits),
                                     .magnitudes = (uint32_t)I(magnitudes), .blocks = P(blocks), .y = P(y), .ldy = I(ldy)};
    return setun_pi_dequantize(context, &args);
}

const replay_op REPLAY_PI_OPS[] = {{"pi_quantize", quantize}, {"pi_dequantize", dequantize}, {NULL, NULL}};
