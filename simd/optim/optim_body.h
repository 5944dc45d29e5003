/* The optimizer kernels of one tier; included once per tier with OPTIM_KERNELS as the name of its table. */
#include "simd/common/check.h"
#include "simd/optim/optim.h"
#include "simd/optim/adafactor_body.h"
#include "simd/optim/adamw8_body.h"

static void adamw(const setun_adamw_args *args, float factor, int64_t first, int64_t last) {
    vf scale = vf_set1(factor), beta1 = vf_set1(args->beta1), beta2 = vf_set1(args->beta2);
    vf rest1 = vf_set1(1 - args->beta1), rest2 = vf_set1(1 - args->beta2);
    vf bias1 = vf_set1(args->bias1), bias2 = vf_set1(args->bias2);
    vf lr = vf_set1(args->lr), eps = vf_set1(args->eps), decay = vf_set1(args->weight_decay);
    VF_FOR(j, lanes, last - first) {
        int64_t i = first + j;
        vf w = vf_get(args->w + i, lanes);
        vf g = vf_get(args->g + i, lanes) * scale;
        if (args->coupled) {
            g = g + decay * w;
        }
        vf m = beta1 * vf_get(args->m + i, lanes) + rest1 * g;
        vf v = beta2 * vf_get(args->v + i, lanes) + (rest2 * g) * g;
        vf step = (m / bias1) / (vf_sqrt(v / bias2) + eps);
        if (!args->coupled) {
            step = step + decay * w;
        }
        vf_put(args->m + i, lanes, m);
        vf_put(args->v + i, lanes, v);
        if (args->direction != NULL) {
            vf_put(args->direction + i, lanes, step);
        } else {
            vf_put(args->w + i, lanes, w - lr * step);
        }
    }
}

static void sgd(const setun_sgd_args *args, float factor, int64_t first, int64_t last) {
    vf scale = vf_set1(factor), momentum = vf_set1(args->momentum), lr = vf_set1(args->lr), decay = vf_set1(args->weight_decay);
    VF_FOR(j, lanes, last - first) {
        int64_t i = first + j;
        vf w = vf_get(args->w + i, lanes);
        vf step = vf_get(args->g + i, lanes) * scale + decay * w;
        if (args->m != NULL) {
            vf m = momentum * vf_get(args->m + i, lanes) + step;
            vf_put(args->m + i, lanes, m);
            step = args->nesterov ? step + momentum * m : m;
        }
        vf_put(args->w + i, lanes, w - lr * step);
    }
}

static void lion(const setun_lion_args *args, float factor, int64_t first, int64_t last) {
    vf scale = vf_set1(factor), beta1 = vf_set1(args->beta1), beta2 = vf_set1(args->beta2), zero = vf_set1(0);
    vf rest1 = vf_set1(1 - args->beta1), rest2 = vf_set1(1 - args->beta2), lr = vf_set1(args->lr), decay = vf_set1(args->weight_decay);
    VF_FOR(j, lanes, last - first) {
        int64_t i = first + j;
        vf w = vf_get(args->w + i, lanes), m = vf_get(args->m + i, lanes);
        vf g = vf_get(args->g + i, lanes) * scale;
        vf c = beta1 * m + rest1 * g;
        vf sign = vf_select(c > zero, vf_set1(1), vf_select(c < zero, vf_set1(-1), c * zero)); /* keeps a NaN */
        vf_put(args->w + i, lanes, w - lr * (sign + decay * w));
        vf_put(args->m + i, lanes, beta2 * m + rest2 * g);
    }
}

const setun_optim_kernels OPTIM_KERNELS = {fixed_chunk_sum, fixed_chunk_squares, adamw, sgd, lion, adamw8,
                                           adafactor_squares, adafactor_norm, adafactor_update};
