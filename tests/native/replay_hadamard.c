/* The Hadamard operations of the replay vectors. */
#include <stddef.h>

#include "replay.h"

static setun_status hadamard(setun_context *context, replay_case *c) {
    void *x = P(x);
    setun_hadamard_args args = {.size = sizeof args, .rows = I(rows), .n = I(n), .type = (int32_t)I(type), .inverse = (int32_t)I(inverse),
                                .x = x, .ldx = I(ldx), .signs = P(signs), .y = replay_flag(c, "y_is_x") ? x : P(y), .ldy = I(ldy)};
    return setun_hadamard(context, &args);
}

static setun_status hadamard_quantize(setun_context *context, replay_case *c) {
    void *x = P(x);
    setun_hadamard_quantize_args args = {.size = sizeof args, .rows = I(rows), .n = I(n), .x = x, .ldx = I(ldx), .signs = P(signs),
                                         .y = replay_flag(c, "y_is_x") ? x : P(y), .q = P(q), .ldq = (I(n) + 255) / 256 * 256,
                                         .step = P(step), .sum = P(sum)};
    return setun_hadamard_quantize(context, &args);
}

static setun_status hadamard_signs(setun_context *context, replay_case *c) {
    return setun_hadamard_signs(context, (int32_t)I(generator), I(seed), I(n), P(signs));
}

const replay_op REPLAY_HADAMARD_OPS[] = {{"hadamard", hadamard},
                                         {"hadamard_quantize", hadamard_quantize},
                                         {"hadamard_signs", hadamard_signs},
                                         {NULL, NULL}};
