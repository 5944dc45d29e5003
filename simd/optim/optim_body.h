/* The optimizer kernels of one tier; included once per tier with OPTIM_KERNELS as the name of its table. */
#include "simd/common/check.h"
#include "simd/common/vec.h"
#include "simd/optim/optim.h"

enum { SUM_VECS = SUM_LANES / VF_LANES };

typedef double vd __attribute__((vector_size(4 * VF_LANES)));
typedef float vhalf __attribute__((vector_size(2 * VF_LANES)));
enum { VD_LANES = VF_LANES / 2, SUM_WIDE_VECS = SUM_LANES / VD_LANES };

static double fold(double lane[SUM_LANES]) {
    for (int half = SUM_LANES / 2; half > 0; half /= 2) {
        for (int j = 0; j < half; j++) {
            lane[j] += lane[j + half];
        }
    }
    return lane[0];
}

/* The last, short group of lanes: absent values add +0, which changes no lane (none is ever -0). */
static void pad(const float *x, int64_t count, float group[SUM_LANES]) {
    memset(group, 0, SUM_LANES * sizeof(float));
    memcpy(group, x, (size_t)count * sizeof(float));
}

VF_INLINE void add_group(const float *x, vf lane[SUM_VECS]) {
#pragma GCC unroll 4
    for (int v = 0; v < SUM_VECS; v++) {
        lane[v] += vf_load(x + v * VF_LANES);
    }
}

static double sum(const float *x, int64_t count) {
    vf lane[SUM_VECS] = {0};
    float group[SUM_LANES];
    double wide[SUM_LANES];
    int64_t i = 0;
    for (; i + SUM_LANES <= count; i += SUM_LANES) {
        add_group(x + i, lane);
    }
    if (i < count) {
        pad(x + i, count - i, group);
        add_group(group, lane);
    }
    memcpy(group, lane, sizeof group);
    for (int j = 0; j < SUM_LANES; j++) {
        wide[j] = group[j];
    }
    return fold(wide);
}

VF_INLINE void add_group_squares(const float *x, vd lane[SUM_WIDE_VECS]) {
#pragma GCC unroll 8
    for (int v = 0; v < SUM_WIDE_VECS; v++) {
        vhalf values;
        memcpy(&values, x + v * VD_LANES, sizeof values);
        vd wide = __builtin_convertvector(values, vd);
        lane[v] += wide * wide;
    }
}

static double sum_squares(const float *x, int64_t count) {
    vd lane[SUM_WIDE_VECS] = {0};
    float group[SUM_LANES];
    double wide[SUM_LANES];
    int64_t i = 0;
    for (; i + SUM_LANES <= count; i += SUM_LANES) {
        add_group_squares(x + i, lane);
    }
    if (i < count) {
        pad(x + i, count - i, group);
        add_group_squares(group, lane);
    }
    memcpy(wide, lane, sizeof wide);
    return fold(wide);
}

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

const setun_optim_kernels OPTIM_KERNELS = {sum, sum_squares, adamw};
