/* AdamW with 8-bit moments, of one tier; part of optim_body.h. */
#include "simd/optim/dynamic8.h"

/* The factor that brings a block of moments to at most 1, and its scale; 0 of a block that has no normal value. */
VF_INLINE float adamw8_scale(vi largest, float *scale) {
    float absmax = quantize_absmax(largest);
    *scale = !(absmax < INFINITY) ? NAN : absmax < 0x1p-126f ? 0 : absmax;
    return *scale > 0 ? 1 / *scale : 0;
}

/* No codes go with a scale that is not a number. */
VF_INLINE void adamw8_clear(float scale, int8_t *codes, int64_t count) {
    if (isnan(scale)) {
        memset(codes, 0, (size_t)count);
    }
}

/* The update of one block. */
typedef struct adamw8_block {
    dynamic8_levels means, variances;
    vf factor, rest1, rest2, rate, eps, keep;
    float mean[SETUN_ADAMW8_BLOCK], variance[SETUN_ADAMW8_BLOCK];
} adamw8_block;

/* n values from the j-th on; largest[2]: of means, of variances. */
VF_INLINE void adamw8_vector(adamw8_block *b, int64_t j, const int64_t n, float *w, const float *g, const int8_t *m, const int8_t *v,
                             vi *largest) {
    vf gradient = vf_get(g + j, n) * b->factor;
    vf mean = dynamic8_decode(&b->means, m + j, n, 1) + b->rest1 * gradient;
    vf variance = dynamic8_decode(&b->variances, v + j, n, 0) + (b->rest2 * gradient) * gradient;
    vf_put(w + j, n, vf_get(w + j, n) * b->keep - (mean * b->rate) / (vf_sqrt(variance) + b->eps));
    vf_store(b->mean + j, mean);
    vf_store(b->variance + j, variance);
    largest[0] = vi_max(largest[0], quantize_magnitude(mean));
    largest[1] = vi_max(largest[1], quantize_magnitude(variance));
}

VF_INLINE void adamw8_encode(const adamw8_block *b, int64_t j, const int64_t n, vf of_means, vf of_variances, int8_t *m, int8_t *v) {
    dynamic8_encode(&DYNAMIC8_SIGNED, vf_load(b->mean + j) * of_means, n, 1, m + j);
    dynamic8_encode(&DYNAMIC8_UNSIGNED, vf_load(b->variance + j) * of_variances, n, 0, v + j);
}

/* Blocks of the values [first, last); first is a multiple of a block. */
static void adamw8(const setun_adamw8_args *args, float factor, int64_t first, int64_t last) {
    float root = sqrtf(args->bias2);
    adamw8_block b;
    b.factor = vf_set1(factor);
    b.rest1 = vf_set1(1 - args->beta1);
    b.rest2 = vf_set1(1 - args->beta2);
    b.rate = vf_set1((args->lr * root) / args->bias1);
    b.eps = vf_set1(args->eps * root);
    b.keep = vf_set1(1 - args->lr * args->weight_decay);
    for (int64_t start = first; start < last; start += SETUN_ADAMW8_BLOCK) {
        int64_t block = start / SETUN_ADAMW8_BLOCK, count = setun_min_i64(SETUN_ADAMW8_BLOCK, last - start), j = 0;
        float *w = args->w + start;
        const float *g = args->g + start;
        int8_t *m = args->m + start, *v = (int8_t *)args->v + start;
        b.means = dynamic8_scaled(&DYNAMIC8_SIGNED, args->beta1 * args->m_scale[block]);
        b.variances = dynamic8_scaled(&DYNAMIC8_UNSIGNED, args->beta2 * args->v_scale[block]);
        vi largest[2] = {vi_set1(0), vi_set1(0)};
        for (; j + VF_LANES <= count; j += VF_LANES) {
            adamw8_vector(&b, j, VF_LANES, w, g, m, v, largest);
        }
        if (j < count) {
            adamw8_vector(&b, j, count - j, w, g, m, v, largest);
        }
        vf of_means = vf_set1(adamw8_scale(largest[0], &args->m_scale[block]));
        vf of_variances = vf_set1(adamw8_scale(largest[1], &args->v_scale[block]));
        for (j = 0; j + VF_LANES <= count; j += VF_LANES) {
            adamw8_encode(&b, j, VF_LANES, of_means, of_variances, m, v);
        }
        if (j < count) {
            adamw8_encode(&b, j, count - j, of_means, of_variances, m, v);
        }
        adamw8_clear(args->m_scale[block], m, count);
        adamw8_clear(args->v_scale[block], v, count);
    }
}
