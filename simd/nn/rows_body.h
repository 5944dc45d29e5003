/* Kernels of whole rows: RMSNorm (arXiv 1910.07467), rotary embedding (arXiv 2104.09864), softmax cross-entropy. */

static void rmsnorm_forward(const setun_rmsnorm_args *args, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
        const float *x = args->x + i * args->d;
        float rstd = rms_rstd(x, args->d, args->eps);
        VF_FOR(j, lanes, args->d) {
            vf_put(args->y + i * args->d + j, lanes, rms_scaled(vf_get(x + j, lanes), vf_get(args->w + j, lanes), rstd));
        }
        if (args->rstd != NULL) {
            args->rstd[i] = rstd;
        }
    }
}

/* With g = w * dy and h = x * rstd: dx = rstd * (g - h * mean(g * h)), dw += dy * h. */
static void rmsnorm_backward(const setun_rmsnorm_args *args, int64_t first, int64_t last, float *dw) {
    for (int64_t i = first; i < last; i++) {
        const float *x = args->x + i * args->d, *dy = args->dy + i * args->d;
        float *dx = args->dx + i * args->d;
        vf sum = vf_set1(0);
        VF_FOR(j, lanes, args->d) {
            sum = vf_fma(vf_get(x + j, lanes), vf_get(args->w + j, lanes) * vf_get(dy + j, lanes), sum);
        }
        vf r = vf_set1(args->rstd[i]), mean = vf_set1(args->rstd[i] * (vf_sum(sum) / (float)args->d));
        VF_FOR(j, lanes, args->d) {
            vf h = vf_get(x + j, lanes) * r, gradient = vf_get(dy + j, lanes);
            vf result = r * (vf_get(args->w + j, lanes) * gradient - h * mean);
            vf_put(dx + j, lanes, args->accumulate ? vf_get(dx + j, lanes) + result : result);
            if (dw != NULL) {
                vf_put(dw + j, lanes, vf_fma(gradient, h, vf_get(dw + j, lanes)));
            }
        }
    }
}

static void rotate_halves(float *low, float *high, int64_t pairs, const float *cosine, const float *sine) {
    VF_FOR(i, lanes, pairs) {
        vf a = vf_get(low + i, lanes), b = vf_get(high + i, lanes);
        vf c = vf_get(cosine + i, lanes), s = vf_get(sine + i, lanes);
        vf_put(low + i, lanes, a * c - b * s);
        vf_put(high + i, lanes, a * s + b * c);
    }
}

static void rotate_neighbours(float *x, int64_t pairs, const float *cosine, const float *sine) {
    for (int64_t i = 0; i < pairs; i++) {
        float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * cosine[i] - b * sine[i];
        x[2 * i + 1] = a * sine[i] + b * cosine[i];
    }
}

static void rope_row(const setun_rope_args *args, float *row, const float *table) {
    int64_t pairs = args->head_dim / 2;
    for (int64_t h = 0; h < args->heads; h++) {
        float *head = row + h * args->head_dim;
        if (args->convention == SETUN_ROPE_HALVES) {
            rotate_halves(head, head + pairs, pairs, table, table + pairs);
        } else {
            rotate_neighbours(head, pairs, table, table + pairs);
        }
    }
}

static float highest(const float *x, int64_t count) {
    vf best = vf_set1(-INFINITY), other = best;
    int64_t i = 0;
    for (; i + 2 * VF_LANES <= count; i += 2 * VF_LANES) {
        best = vf_max(vf_load(x + i), best);
        other = vf_max(vf_load(x + i + VF_LANES), other);
    }
    best = vf_max(best, other);
    float high = vf_highest(best);
    for (; i < count; i++) {
        high = x[i] > high ? x[i] : high;
    }
    return high;
}

/* sum of e^(x - shift); the terms go to `terms` too, unless it is NULL. next: as many values that are wanted soon, or NULL: they are on their
 * way while the arithmetic goes on. */
VF_INLINE float sum_exp(const float *x, int64_t count, float shift, float *terms, const float *next) {
    enum { LINE = 16, LINES = (2 * VF_LANES + LINE - 1) / LINE };
    vf s0 = vf_set1(0), s1 = s0, low = vf_set1(shift);
    int64_t i = 0;
    for (; i + 2 * VF_LANES <= count; i += 2 * VF_LANES) {
        vf e0 = vf_exp(vf_load(x + i) - low), e1 = vf_exp(vf_load(x + i + VF_LANES) - low);
        s0 += e0;
        s1 += e1;
        for (int line = 0; next != NULL && line < LINES; line++) {
            __builtin_prefetch(next + i + line * LINE, 0, 2);
        }
        if (terms != NULL) {
            vf_store(terms + i, e0);
            vf_store(terms + i + VF_LANES, e1);
        }
    }
    VF_FOR(j, lanes, count - i) {
        vf e = vf_exp(vf_get(x + i + j, lanes) - low);
        s0 += vf_select(vi_first(lanes), e, vf_set1(0));
        if (terms != NULL) {
            vf_put(terms + i + j, lanes, e);
        }
    }
    return vf_sum(s0 + s1);
}

/* mean of x - shift */
static float mean_above(const float *x, int64_t count, float shift) {
    vf sum = vf_set1(0), low = vf_set1(shift);
    VF_FOR(j, lanes, count) {
        sum += vf_select(vi_first(lanes), vf_get(x + j, lanes) - low, vf_set1(0));
    }
    return vf_sum(sum) / (float)count;
}

static void cross_entropy(const setun_cross_entropy_args *args, int64_t first, int64_t last) {
    int64_t vocab = args->vocab;
    float smoothing = args->label_smoothing;
    for (int64_t i = first; i < last; i++) {
        const float *logits = args->logits + i * vocab;
        float *gradient = args->dlogits == NULL ? NULL : args->dlogits + i * vocab;
        int32_t target = args->targets[i];
        if (target < 0) {
            args->loss[i] = 0;
            if (gradient != NULL) {
                memset(gradient, 0, (size_t)vocab * sizeof(float));
            }
            continue;
        }
        float high = highest(logits, vocab), own = logits[target]; /* before dlogits, which may lie on logits */
        float mean = smoothing == 0 ? 0 : mean_above(logits, vocab, high);
        float sum = sum_exp(logits, vocab, high, gradient, i + 1 < args->n ? logits + vocab : NULL);
        args->loss[i] = (high - own) + logf(sum);
        if (smoothing != 0) {
            args->loss[i] += smoothing * ((own - high) - mean);
        }
        if (gradient != NULL) {
            vf scale = vf_set1(args->grad_scale / sum), even = vf_set1(args->grad_scale * (smoothing / (float)vocab));
            VF_FOR(j, lanes, vocab) {
                vf_put(gradient + j, lanes, vf_get(gradient + j, lanes) * scale - even);
            }
            gradient[target] -= args->grad_scale * (1 - smoothing);
        }
    }
}
