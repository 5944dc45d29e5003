/* The optimizer kernels of one tier; included once per tier with OPTIM_KERNELS as the name of its table. */
#include "simd/common/check.h"
#include "simd/optim/optim.h"

static void adamw(const setun_adamw_args *args, float factor, int64_t first, int64_t last) {
    vf scale = vf_set1(factor), beta1 = vf_set1(args->beta1), beta2 = vf_set1(args->beta2);
    vf rest1 = vf_set1(1 - args->beta1), rest2 = vf_set1(1 - args->beta2);
    vf bias1 = vf_set1(args->bias1), bias2 = vf_set1(args->bias2);
    vf lr = vf_set1(args->lr), eps = vf_set1(args->eps), decay = vf_set1(args->weight_decay);
    VF_FOR(j, lanes, last - first) {
        int64_t i = first + j;
        vf w = vf_get(args->w + i, lanes);
        vf g = vf_get(args->g + i, lanes) * scale;
        vf m = beta1 * vf_get(args->m + i, lanes) + rest1 * g;
        vf v = beta2 * vf_get(args->v + i, lanes) + (rest2 * g) * g;
        vf step = (m / bias1) / (vf_sqrt(v / bias2) + eps) + decay * w;
        vf_put(args->m + i, lanes, m);
        vf_put(args->v + i, lanes, v);
        vf_put(args->w + i, lanes, w - lr * step);
    }
}

const setun_optim_kernels OPTIM_KERNELS = {fixed_chunk_sum, fixed_chunk_squares, adamw};
