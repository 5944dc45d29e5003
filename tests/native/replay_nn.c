/* The network kernels by name. */
#include <stddef.h>

#include "replay.h"

static setun_status embedding_forward(setun_context *context, replay_case *c) {
    return setun_embedding_forward(context, P(ids), I(n), P(table), I(vocab), I(d), P(y));
}

static setun_status embedding_backward(setun_context *context, replay_case *c) {
    return setun_embedding_backward(context, P(ids), I(n), P(dy), I(vocab), I(d), P(dtable));
}

static setun_status rmsnorm_forward(setun_context *context, replay_case *c) {
    setun_rmsnorm_args args = {
        .size = sizeof args, .n = I(n), .d = I(d), .x = P(x), .w = P(w), .eps = F(eps), .y = P(y), .rstd = P(rstd)};
    return setun_rmsnorm_forward(context, &args);
}

static setun_status rmsnorm_backward(setun_context *context, replay_case *c) {
    setun_rmsnorm_args args = {.size = sizeof args,
                               .n = I(n),
                               .d = I(d),
                               .x = P(x),
                               .w = P(w),
                               .accumulate = (int32_t)I(accumulate),
                               .rstd = P(rstd),
                               .dy = P(dy),
                               .dx = P(dx),
                               .dw = P(dw)};
    return setun_rmsnorm_backward(context, &args);
}

static setun_status rmsnorm_quantize(setun_context *context, replay_case *c) {
    setun_rmsnorm_quantize_args args = {.size = sizeof args,
                                        .n = I(n),
                                        .d = I(d),
                                        .x = P(x),
                                        .residual = P(residual),
                                        .w = P(w),
                                        .eps = F(eps),
                                        .h = replay_flag(c, "h_is_x") ? P(x) : P(h),
                                        .y = P(y),
                                        .rstd = P(rstd),
                                        .q = P(q),
                                        .ldq = setun_ternary_padded_k(I(d)),
                                        .step = P(step),
                                        .sum = P(sum)};
    return setun_rmsnorm_quantize(context, &args);
}

static setun_status glu_quantize(setun_context *context, replay_case *c) {
    setun_glu_quantize_args args = {.size = sizeof args,
                                    .n = I(n),
                                    .d = I(d),
                                    .gate = P(gate),
                                    .up = P(up),
                                    .kind = (int32_t)I(kind),
                                    .eps = F(eps),
                                    .w = P(w),
                                    .y = replay_flag(c, "y_is_gate") ? P(gate) : P(y),
                                    .q = P(q),
                                    .ldq = setun_ternary_padded_k(I(d)),
                                    .step = P(step),
                                    .sum = P(sum)};
    return setun_glu_quantize(context, &args);
}

static setun_status rope(setun_context *context, replay_case *c) {
    setun_rope_args args = {.size = sizeof args,
                            .x = P(x),
                            .n = I(n),
                            .heads = I(heads),
                            .head_dim = I(head_dim),
                            .ldx = I(ldx),
                            .positions = P(positions),
                            .theta = F(theta),
                            .convention = (int32_t)I(convention),
                            .inverse = (int32_t)I(inverse)};
    return setun_rope(context, &args);
}

static setun_attention_args attention_of(replay_case *c) {
    return (setun_attention_args){.size = sizeof(setun_attention_args),
                                  .batch = I(batch),
                                  .t = I(t),
                                  .s = I(s),
                                  .heads = I(heads),
                                  .kv_heads = I(kv_heads),
                                  .head_dim = I(head_dim),
                                  .scale = F(scale),
                                  .precision = (int32_t)I(precision),
                                  .q = P(q),
                                  .ldq = I(ldq),
                                  .k = P(k),
                                  .v = P(v),
                                  .ldkv = I(ldkv),
                                  .kv_batch_stride = I(kv_batch_stride),
                                  .out = P(out),
                                  .lse = P(lse),
                                  .dout = P(dout),
                                  .dq = P(dq),
                                  .dk = P(dk),
                                  .dv = P(dv)};
}

static setun_status attention_forward(setun_context *context, replay_case *c) {
    setun_attention_args args = attention_of(c);
    return setun_attention_forward(context, &args);
}

static setun_status attention_backward(setun_context *context, replay_case *c) {
    setun_attention_args args = attention_of(c);
    return setun_attention_backward(context, &args);
}

static setun_glu_args glu_of(replay_case *c) {
    return (setun_glu_args){.size = sizeof(setun_glu_args),
                            .n = I(n),
                            .d = I(d),
                            .kind = (int32_t)I(kind),
                            .gate = P(gate),
                            .up = P(up),
                            .y = P(y),
                            .dy = P(dy),
                            .dgate = P(dgate),
                            .dup = P(dup)};
}

static setun_status glu_forward(setun_context *context, replay_case *c) {
    setun_glu_args args = glu_of(c);
    return setun_glu_forward(context, &args);
}

static setun_status glu_backward(setun_context *context, replay_case *c) {
    setun_glu_args args = glu_of(c);
    return setun_glu_backward(context, &args);
}

static setun_status relu_forward(setun_context *context, replay_case *c) { return setun_relu_forward(context, P(x), I(count), P(y)); }

static setun_status relu_backward(setun_context *context, replay_case *c) {
    return setun_relu_backward(context, P(x), P(dy), I(count), P(dx));
}

static setun_status axpby(setun_context *context, replay_case *c) {
    return setun_axpby(context, F(a), P(x), F(b), P(y), I(count));
}

static setun_status fill(setun_context *context, replay_case *c) { return setun_fill(context, P(x), I(count), F(value)); }

static setun_status bias_forward(setun_context *context, replay_case *c) {
    return setun_bias_forward(context, P(bias), I(n), I(d), P(y));
}

static setun_status bias_backward(setun_context *context, replay_case *c) {
    return setun_bias_backward(context, P(dy), I(n), I(d), P(dbias));
}

static setun_status cross_entropy(setun_context *context, replay_case *c) {
    setun_cross_entropy_args args = {.size = sizeof args,
                                     .n = I(n),
                                     .vocab = I(vocab),
                                     .logits = P(logits),
                                     .targets = P(targets),
                                     .loss = P(loss),
                                     .dlogits = replay_flag(c, "dlogits_is_logits") ? P(logits) : P(dlogits),
                                     .grad_scale = F(grad_scale),
                                     .label_smoothing = F(label_smoothing)};
    return setun_cross_entropy(context, &args);
}

static setun_status distill(setun_context *context, replay_case *c) {
    setun_distill_args args = {.size = sizeof args,
                               .n = I(n),
                               .vocab = I(vocab),
                               .divergence = (int32_t)I(divergence),
                               .temperature = F(temperature),
                               .student = P(student),
                               .teacher = P(teacher),
                               .weights = P(weights),
                               .loss = P(loss),
                               .dstudent = P(dstudent),
                               .grad_scale = F(grad_scale)};
    return setun_distill(context, &args);
}

const replay_op REPLAY_NN_OPS[] = {{"embedding_forward", embedding_forward},
                                   {"embedding_backward", embedding_backward},
                                   {"rmsnorm_forward", rmsnorm_forward},
                                   {"rmsnorm_backward", rmsnorm_backward},
                                   {"rmsnorm_quantize", rmsnorm_quantize},
                                   {"glu_quantize", glu_quantize},
                                   {"rope", rope},
                                   {"attention_forward", attention_forward},
                                   {"attention_backward", attention_backward},
                                   {"glu_forward", glu_forward},
                                   {"glu_backward", glu_backward},
                                   {"relu_forward", relu_forward},
                                   {"relu_backward", relu_backward},
                                   {"axpby", axpby},
                                   {"fill", fill},
                                   {"bias_forward", bias_forward},
                                   {"bias_backward", bias_backward},
                                   {"cross_entropy", cross_entropy},
                                   {"distill", distill},
                                   {NULL, NULL}};
