/* Fake quantization by name. */
#include <stddef.h>

#include "replay.h"

static setun_fakequant_args arguments(replay_case *c) {
    return (setun_fakequant_args){.size = sizeof(setun_fakequant_args),
                                  .groups = I(groups),
                                  .group = I(group),
                                  .estimator = (int32_t)I(estimator),
                                  .hard = (int32_t)I(hard),
                                  .lowest = (int32_t)I(lowest),
                                  .highest = (int32_t)I(highest),
                                  .shift = F(shift),
                                  .divisions = F(divisions),
                                  .limit = F(limit),
                                  .p0 = F(p0),
                                  .p1 = F(p1),
                                  .mix = F(mix),
                                  .noise = F(noise),
                                  .fraction = F(fraction),
                                  .block = (int32_t)I(block),
                                  .least = 1e-8f,
                                  .seed = (uint64_t)I(seed),
                                  .v = P(v),
                                  .scale = P(scale),
                                  .offset = P(offset),
                                  .factors = P(factors)};
}

static setun_status forward(setun_context *context, replay_case *c) {
    setun_fakequant_args args = arguments(c);
    args.value = P(value);
    args.code = P(code);
    args.sums = P(sums);
    return setun_fakequant_forward(context, &args);
}

static setun_status backward(setun_context *context, replay_case *c) {
    setun_fakequant_args args = arguments(c);
    args.g = P(g);
    args.dv = P(dv);
    args.dscale = P(dscale);
    args.doffset = P(doffset);
    args.scale_factor = F(scale_factor);
    return setun_fakequant_backward(context, &args);
}

const replay_op REPLAY_FAKEQUANT_OPS[] = {{"fakequant_forward", forward}, {"fakequant_backward", backward}, {NULL, NULL}};
