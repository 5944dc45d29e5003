/* The dense products, the sums and the optimizer by name. */
#include <stddef.h>

#include "replay.h"

static setun_status gemm_f32(setun_context *context, replay_case *c) {
    setun_gemm_f32_args args = {.size = sizeof args,
                                .trans_a = (int32_t)I(trans_a),
                                .trans_b = (int32_t)I(trans_b),
                                .m = I(m),
                                .n = I(n),
                                .k = I(k),
                                .alpha = F(alpha),
                                .beta = F(beta),
                                .a = P(a),
                                .lda = I(lda),
                                .b = P(b),
                                .ldb = I(ldb),
                                .c = P(c),
                                .ldc = I(ldc)};
    return setun_gemm_f32(context, &args);
}

static setun_status gemm_bf16(setun_context *context, replay_case *c) {
    setun_gemm_bf16_args args = {.size = sizeof args,
                                 .trans_a = (int32_t)I(trans_a),
                                 .trans_b = (int32_t)I(trans_b),
                                 .type_a = (int32_t)I(type_a),
                                 .type_b = (int32_t)I(type_b),
                                 .m = I(m),
                                 .n = I(n),
                                 .k = I(k),
                                 .alpha = F(alpha),
                                 .beta = F(beta),
                                 .a = P(a),
                                 .lda = I(lda),
                                 .b = P(b),
                                 .ldb = I(ldb),
                                 .step = P(step),
                                 .bias = P(bias),
                                 .c = P(c),
                                 .ldc = I(ldc)};
    return setun_gemm_bf16(context, &args);
}

static setun_status sum(setun_context *context, replay_case *c) { return setun_sum(context, P(x), I(count), P(out)); }

static setun_status sum_squares(setun_context *context, replay_case *c) { return setun_sum_squares(context, P(x), I(count), P(out)); }

static setun_status clip_factor(setun_context *context, replay_case *c) {
    return setun_clip_factor(context, P(sums), I(count), F(max_norm), P(out));
}

static setun_status adamw(setun_context *context, replay_case *c) {
    setun_adamw_args args = {.size = sizeof args,
                             .count = I(count),
                             .w = P(w),
                             .g = P(g),
                             .m = P(m),
                             .v = P(v),
                             .lr = F(lr),
                             .beta1 = F(beta1),
                             .beta2 = F(beta2),
                             .eps = F(eps),
                             .weight_decay = F(weight_decay),
                             .bias1 = F(bias1),
                             .bias2 = F(bias2),
                             .coupled = (int32_t)I(coupled),
                             .grad_factor = P(grad_factor),
                             .direction = P(direction)};
    return setun_adamw(context, &args);
}

static setun_status sgd(setun_context *context, replay_case *c) {
    setun_sgd_args args = {.size = sizeof args,
                           .count = I(count),
                           .w = P(w),
                           .g = P(g),
                           .m = P(m),
                           .lr = F(lr),
                           .momentum = F(momentum),
                           .weight_decay = F(weight_decay),
                           .nesterov = (int32_t)I(nesterov),
                           .grad_factor = P(grad_factor)};
    return setun_sgd(context, &args);
}

static setun_status lion(setun_context *context, replay_case *c) {
    setun_lion_args args = {.size = sizeof args,
                            .count = I(count),
                            .w = P(w),
                            .g = P(g),
                            .m = P(m),
                            .lr = F(lr),
                            .beta1 = F(beta1),
                            .beta2 = F(beta2),
                            .weight_decay = F(weight_decay),
                            .grad_factor = P(grad_factor)};
    return setun_lion(context, &args);
}

static setun_status adamw8(setun_context *context, replay_case *c) {
    setun_adamw8_args args = {.size = sizeof args,
                              .count = I(count),
                              .w = P(w),
                              .g = P(g),
                              .m = P(m),
                              .v = P(v),
                              .m_scale = P(m_scale),
                              .v_scale = P(v_scale),
                              .lr = F(lr),
                              .beta1 = F(beta1),
                              .beta2 = F(beta2),
                              .eps = F(eps),
                              .weight_decay = F(weight_decay),
                              .bias1 = F(bias1),
                              .bias2 = F(bias2),
                              .grad_factor = P(grad_factor)};
    return setun_adamw8(context, &args);
}

static setun_status adafactor(setun_context *context, replay_case *c) {
    setun_adafactor_args args = {.size = sizeof args,
                                 .rows = I(rows),
                                 .columns = I(columns),
                                 .w = P(w),
                                 .g = P(g),
                                 .row = P(row),
                                 .column = P(column),
                                 .lr = F(lr),
                                 .beta2 = F(beta2),
                                 .eps = F(eps),
                                 .clip = F(clip),
                                 .weight_decay = F(weight_decay),
                                 .grad_factor = P(grad_factor)};
    return setun_adafactor(context, &args);
}

static setun_status track_codes(setun_context *context, replay_case *c) {
    setun_track_codes_args args = {.size = sizeof args,
                                   .count = I(count),
                                   .codes = P(codes),
                                   .previous = P(previous),
                                   .direction = P(direction),
                                   .oscillation = P(oscillation),
                                   .average = P(average),
                                   .frozen = P(frozen),
                                   .momentum = F(momentum),
                                   .threshold = F(threshold),
                                   .counts = P(counts)};
    return setun_track_codes(context, &args);
}

static setun_status constrain_weights(setun_context *context, replay_case *c) {
    setun_constrain_weights_args args = {.size = sizeof args,
                                         .groups = I(groups),
                                         .group = I(group),
                                         .w = P(w),
                                         .scales = P(scales),
                                         .frozen = P(frozen),
                                         .limit = F(limit),
                                         .shift = F(shift),
                                         .divisions = F(divisions),
                                         .counts = P(counts)};
    return setun_constrain_weights(context, &args);
}

const replay_op REPLAY_DENSE_OPS[] = {{"gemm_f32", gemm_f32},       {"gemm_bf16", gemm_bf16},
                                      {"sum", sum},     {"sum_squares", sum_squares},
                                      {"clip_factor", clip_factor}, {"adamw", adamw},
                                      {"sgd", sgd},                 {"lion", lion},
                                      {"adamw8", adamw8},           {"adafactor", adafactor},
                                      {"track_codes", track_codes}, {"constrain_weights", constrain_weights},
                                      {NULL, NULL}};
