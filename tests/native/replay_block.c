/* The block formats by name. */
#include <stddef.h>

#include "replay.h"

static setun_status quantize(setun_context *context, replay_case *c) {
    setun_quantize_blocks_args args = {
        .size = sizeof args, .x = P(x), .n = I(n), .k = I(k), .ldx = I(ldx), .q = P(q), .step = P(step), .sum = P(sum)};
    return setun_quantize_blocks(context, &args);
}

static setun_status pack(setun_context *context, replay_case *c) {
    setun_block_pack_args args = {.size = sizeof args, .format = (setun_block_format)I(format), .parameter = (int32_t)I(parameter),
                                  .m = I(m), .k = I(k), .data = P(data), .packed = P(packed)};
    args.data_bytes = setun_block_bytes(args.format, args.m, args.k);
    return setun_block_pack(context, &args);
}

static setun_status expand(setun_context *context, replay_case *c) {
    setun_block_expand_args args = {.size = sizeof args,
                                    .format = (setun_block_format)I(format),
                                    .m = I(m),
                                    .k = I(k),
                                    .w = P(packed),
                                    .row = I(row),
                                    .rows = I(rows),
                                    .out = P(out)};
    return setun_block_expand(context, &args);
}

static setun_status gemm(setun_context *context, replay_case *c) {
    setun_block_gemm_args args = {.size = sizeof args,
                                  .format = (setun_block_format)I(format),
                                  .w = P(packed),
                                  .m = I(m),
                                  .k = I(k),
                                  .q = P(q),
                                  .step = P(step),
                                  .sum = P(sum),
                                  .n = I(n),
                                  .bias = P(bias),
                                  .residual = replay_flag(c, "residual_is_y") ? P(y) : P(residual),
                                  .y = P(y),
                                  .ldy = I(ldy)};
    return setun_block_gemm(context, &args);
}

static setun_status gemm_f32(setun_context *context, replay_case *c) {
    setun_block_gemm_f32_args args = {.size = sizeof args,
                                      .format = (setun_block_format)I(format),
                                      .w = P(packed),
                                      .m = I(m),
                                      .k = I(k),
                                      .x = P(x),
                                      .n = I(n),
                                      .ldx = I(ldx),
                                      .bias = P(bias),
                                      .y = P(y),
                                      .ldy = I(ldy)};
    return setun_block_gemm_f32(context, &args);
}

const replay_op REPLAY_BLOCK_OPS[] = {{"quantize_blocks", quantize}, {"block_pack", pack},         {"block_expand", expand},
                                      {"block_gemm", gemm},          {"block_gemm_f32", gemm_f32}, {NULL, NULL}};
