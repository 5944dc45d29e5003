/* Distances of two softmax distributions and their gradients: three passes over both rows, four where the gradient needs the distance. */

/* One row of logits as a distribution: log p = (x - high) * rate - log_sum. */
typedef struct distribution {
    const float *logits;
    float high, rate, log_sum, scale; /* scale: 1 / sum */
} distribution;

/* log(1 + x) of x in [0, 1] within 4 u: 2 atanh z, z = x / (2 + x) <= 1/3, whose series ends below 2^-26. */
VF_INLINE vf log_one_plus(vf x) {
    vf z = x / (x + vf_set1(2)), square = z * z;
    vf sum = vf_set1(1.0f / 15);
    sum = vf_fma(sum, square, vf_set1(1.0f / 13));
    sum = vf_fma(sum, square, vf_set1(1.0f / 11));
    sum = vf_fma(sum, square, vf_set1(1.0f / 9));
    sum = vf_fma(sum, square, vf_set1(1.0f / 7));
    sum = vf_fma(sum, square, vf_set1(0.2f));
    sum = vf_fma(sum, square, vf_set1(1.0f / 3));
    return vf_fma(sum * square, z, z) * vf_set1(2);
}

static distribution distribution_of(const float *logits, int64_t count, float rate) {
    float high = highest(logits, count);
    vf s0 = vf_set1(0), s1 = s0, low = vf_set1(high), r = vf_set1(rate);
    int64_t i = 0;
    for (; i + 2 * VF_LANES <= count; i += 2 * VF_LANES) {
        s0 += vf_exp((vf_load(logits + i) - low) * r);
        s1 += vf_exp((vf_load(logits + i + VF_LANES) - low) * r);
    }
    VF_FOR(j, lanes, count - i) {
        s0 += vf_select(vi_first(lanes), vf_exp((vf_get(logits + i + j, lanes) - low) * r), vf_set1(0));
    }
    float sum = vf_sum(s0 + s1);
    return (distribution){logits, high, rate, logf(sum), 1 / sum};
}

/* (x - high) * rate of some logits */
VF_INLINE vf shifted(const distribution *d, int64_t at, int64_t lanes) {
    return (vf_get(d->logits + at, lanes) - vf_set1(d->high)) * vf_set1(d->rate);
}

VF_INLINE vf zero_where(vi mask, vf x) { return vf_select(mask, vf_set1(0), x); }

/* The terms of D at some places; *slope: q - p (FORWARD), log(q / p) (REVERSE), log(q / m) / 2 (JENSEN), 0 where D does not depend on q. */
VF_INLINE vf divergence_terms(const int kind, const distribution *student, const distribution *teacher, int64_t at, int64_t lanes,
                              vf log_two, vf *slope, vf *q) {
    vf xs = shifted(student, at, lanes), xt = shifted(teacher, at, lanes);
    vf p = vf_exp(xt) * vf_set1(teacher->scale);
    *q = vf_exp(xs) * vf_set1(student->scale);
    vf log_p = xt - vf_set1(teacher->log_sum), log_q = xs - vf_set1(student->log_sum), ratio = log_p - log_q;
    vi no_p = p == vf_set1(0), no_q = *q == vf_set1(0);
    if (kind == SETUN_DIVERGENCE_FORWARD) {
        *slope = *q - p;
        return zero_where(no_p, p * ratio);
    }
    if (kind == SETUN_DIVERGENCE_REVERSE) {
        *slope = zero_where(no_q, log_q - log_p);
        return *q * *slope;
    }
    vf soft = log_one_plus(vf_exp(-vf_abs(ratio)));
    vf of_p = log_two - (vf_max(-ratio, vf_set1(0)) + soft), of_q = log_two - (vf_max(ratio, vf_set1(0)) + soft);
    *slope = zero_where(no_q, of_q * vf_set1(0.5f));
    return zero_where(no_p, p * of_p * vf_set1(0.5f)) + *q * *slope;
}

VF_INLINE void distill_row(const int kind, const setun_distill_args *args, int64_t row, float weight) {
    int64_t vocab = args->vocab;
    float rate = 1 / args->temperature, outer = weight * args->grad_scale * args->temperature;
    float *gradient = args->dstudent == NULL ? NULL : args->dstudent + row * vocab;
    distribution student = distribution_of(args->student + row * vocab, vocab, rate);
    distribution teacher = distribution_of(args->teacher + row * vocab, vocab, rate);
    vf sum = vf_set1(0), mean = sum, log_two = log_one_plus(vf_set1(1)); /* of the same rounding as its subtrahend: 0 for equal rows */
    VF_FOR(j, lanes, vocab) {
        vf slope, q, term = divergence_terms(kind, &student, &teacher, j, lanes, log_two, &slope, &q);
        vi inside = vi_first(lanes);
        sum += vf_select(inside, term, vf_set1(0));
        mean += vf_select(inside, q * slope, vf_set1(0));
        if (gradient != NULL) {
            vf_put(gradient + j, lanes, kind == SETUN_DIVERGENCE_FORWARD ? slope * vf_set1(outer) : slope);
        }
    }
    args->loss[row] = weight * args->temperature * args->temperature * vf_sum(sum);
    if (gradient != NULL && kind != SETUN_DIVERGENCE_FORWARD) {
        vf middle = vf_set1(vf_sum(mean));
        VF_FOR(j, lanes, vocab) {
            vf q = vf_exp(shifted(&student, j, lanes)) * vf_set1(student.scale);
            vf_put(gradient + j, lanes, q * (vf_get(gradient + j, lanes) - middle) * vf_set1(outer));
        }
    }
}

static void distill(const setun_distill_args *args, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
        float weight = args->weights == NULL ? 1 : args->weights[i];
        if (weight == 0) {
            args->loss[i] = 0;
            if (args->dstudent != NULL) {
                memset(args->dstudent + i * args->vocab, 0, (size_t)args->vocab * sizeof(float));
            }
        } else if (args->divergence == SETUN_DIVERGENCE_FORWARD) {
            distill_row(SETUN_DIVERGENCE_FORWARD, args, i, weight);
        } else if (args->divergence == SETUN_DIVERGENCE_REVERSE) {
            distill_row(SETUN_DIVERGENCE_REVERSE, args, i, weight);
        } else {
            distill_row(SETUN_DIVERGENCE_JENSEN, args, i, weight);
        }
    }
}
