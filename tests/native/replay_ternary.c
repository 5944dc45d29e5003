/* The ternary family by name. */
#include <stddef.h>

#include "replay.h"

static setun_status quantize(setun_context *context, replay_case *c) {
    return setun_ternary_quantize(context, P(w), I(m), I(k), P(codes), P(gamma));
}

static setun_status quantize_pack(setun_context *context, replay_case *c) {
    return setun_ternary_quantize_pack(context, P(w), I(m), I(k), P(packed), P(gamma));
}

static setun_status pack(setun_context *context, replay_case *c) {
    return setun_ternary_pack(context, P(codes), I(m), I(k), P(packed));
}

static setun_status unpack(setun_context *context, replay_case *c) {
    return setun_ternary_unpack(context, P(packed), I(m), I(k), P(codes));
}

static setun_status dense_pack(setun_context *context, replay_case *c) {
    return setun_ternary_dense_pack(context, P(codes), I(m), I(k), P(dense));
}

static setun_status dense_unpack(setun_context *context, replay_case *c) {
    return setun_ternary_dense_unpack(context, P(dense), I(m), I(k), P(codes));
}

static setun_status expand(setun_context *context, replay_case *c) {
    return setun_ternary_expand(context, P(packed), I(m), I(k), P(gamma), P(out));
}

static setun_ternary_codec codec_of(replay_case *c) {
    setun_ternary_codec codec = {.size = sizeof codec,
                                 .format = (setun_ternary_format)I(format),
                                 .m = I(m),
                                 .k = I(k),
                                 .codes = P(codes),
                                 .data = P(data),
                                 .scales = P(scales)};
    codec.data_bytes = setun_ternary_format_bytes(codec.format, codec.m, codec.k);
    return codec;
}

static setun_status encode(setun_context *context, replay_case *c) {
    setun_ternary_codec codec = codec_of(c);
    return setun_ternary_encode(context, &codec);
}

static setun_status decode(setun_context *context, replay_case *c) {
    setun_ternary_codec codec = codec_of(c);
    return setun_ternary_decode(context, &codec);
}

static setun_status quantize_rows(setun_context *context, replay_case *c) {
    setun_quantize_rows_args args = {.size = sizeof args,
                                     .x = P(x),
                                     .n = I(n),
                                     .k = I(k),
                                     .ldx = I(ldx),
                                     .q = P(q),
                                     .ldq = setun_ternary_padded_k(I(k)),
                                     .step = P(step),
                                     .sum = P(sum)};
    return setun_quantize_rows(context, &args);
}

static setun_status dequantize_rows(setun_context *context, replay_case *c) {
    return setun_dequantize_rows(context, P(q), P(step), I(n), I(k), P(y));
}

static setun_status gemm(setun_context *context, replay_case *c) {
    setun_ternary_gemm_args args = {.size = sizeof args,
                                    .w = P(packed),
                                    .m = I(m),
                                    .k = I(k),
                                    .gamma = P(gamma),
                                    .q = P(q),
                                    .n = I(n),
                                    .ldq = setun_ternary_padded_k(I(k)),
                                    .step = P(step),
                                    .sum = P(sum),
                                    .bias = P(bias),
                                    .residual = replay_flag(c, "residual_is_y") ? P(y) : P(residual),
                                    .y = P(y),
                                    .ldy = I(ldy),
                                    .acc = P(acc),
                                    .activation = (setun_activation)I(activation),
                                    .layout = (setun_ternary_layout)I(layout)};
    return setun_ternary_gemm(context, &args);
}

static setun_status gemm_f32(setun_context *context, replay_case *c) {
    setun_ternary_gemm_f32_args args = {.size = sizeof args,
                                        .w = P(packed),
                                        .m = I(m),
                                        .k = I(k),
                                        .gamma = P(gamma),
                                        .x = P(x),
                                        .n = I(n),
                                        .ldx = I(ldx),
                                        .bias = P(bias),
                                        .y = P(y),
                                        .ldy = I(ldy)};
    return setun_ternary_gemm_f32(context, &args);
}

static setun_status gemm_backward(setun_context *context, replay_case *c) {
    setun_ternary_gemm_backward_args args = {.size = sizeof args,
                                             .w = P(packed),
                                             .m = I(m),
                                             .k = I(k),
                                             .gamma = P(gamma),
                                             .type_dy = (int32_t)I(type_dy),
                                             .beta = F(beta),
                                             .dy = P(dy),
                                             .n = I(n),
                                             .lddy = I(lddy),
                                             .dx = P(dx),
                                             .lddx = I(lddx)};
    return setun_ternary_gemm_backward(context, &args);
}

const replay_op REPLAY_TERNARY_OPS[] = {{"ternary_quantize", quantize},
                                        {"ternary_quantize_pack", quantize_pack},
                                        {"ternary_pack", pack},
                                        {"ternary_unpack", unpack},
                                        {"ternary_dense_pack", dense_pack},
                                        {"ternary_dense_unpack", dense_unpack},
                                        {"ternary_expand", expand},
                                        {"ternary_encode", encode},
                                        {"ternary_decode", decode},
                                        {"quantize_rows", quantize_rows},
                                        {"dequantize_rows", dequantize_rows},
                                        {"ternary_gemm", gemm},
                                        {"ternary_gemm_f32", gemm_f32},
                                        {"ternary_gemm_backward", gemm_backward},
                                        {NULL, NULL}};
