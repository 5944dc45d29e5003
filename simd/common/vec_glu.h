/* The gated linear units, over vec.h; of unfused operations in the order written: the same bits on every tier. */
#ifndef SETUN_VEC_GLU_H
#define SETUN_VEC_GLU_H

#include "setun/nn.h"
#include "simd/common/vec_math.h"

typedef struct silu {
    vf sigmoid, rest; /* rest = 1 - sigmoid, without cancellation */
} silu;

/* e^-|x| never overflows: both tails of the sigmoid keep their relative accuracy. */
VF_INLINE silu silu_of(vf x) {
    vf e = vf_exp_fixed(-vf_abs(x));
    vf large = vf_set1(1.0f) / (vf_set1(1.0f) + e), small = e * large;
    vi positive = x >= vf_set1(0);
    return (silu){vf_select(positive, large, small), vf_select(positive, small, large)};
}

/* act(gate) * up */
VF_INLINE vf glu_of(int32_t kind, vf gate, vf up) {
    if (kind == SETUN_GLU_SILU) {
        return gate * silu_of(gate).sigmoid * up;
    }
    vf positive = vf_max(vf_set1(0), gate);
    return positive * positive * up;
}

#endif
