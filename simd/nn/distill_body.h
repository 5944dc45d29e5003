/* Distances of two softmax distributions and their gradients: three passes over both rows, four where the gradient needs the distance. */

/* One row of logits as a distribution: p = exps * scale, log p = (x - high) * rate - log_sum. */
typedef struct distribution {
    const float *logits, *exps;
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

/* exps: room for as many values */
static distribution distribution_of(const float *logits, int64_t count, float rate, float *exps) {
    float high = highest(logits, count);
    vf sum = vf_set1(0), low = vf_set1(high), r = vf_set1(rate);
    VF_EACH(i, lanes, count, {
        vf e = vf_exp((vf_get(logits + i, lanes) - low) * r);
        vf_put(exps + i, lanes, e);
        sum += vf_select(vi_first(lanes), e, vf_set1(0));
    });
    float total = vf_sum(sum);
    return (distribution){logits, exps, high, rate, logf(total), 1 / total};
}

VF_INLINE vf log_of(const distribution *d, int64_t at, int64_t lanes) {
    return (vf_get(d->logits + at, lanes) - vf_set1(d->high)) * vf_set1(d->rate) - vf_set1(d->log_sum);
}

VF_INLINE vf zero_where(vi mask, vf x) { return vf_select(mask, vf_set1(0), x); }

/* The terms of D at some places, 0 in lanes beyond the last; *slope: q - p (FORWARD), log(q / p) (REVERSE), log(q / m) / 2 (JENSEN), 0 where
 * q = 0. */
VF_INLINE vf divergence_terms(const int kind, const distribution *student, const distribution *teacher, int64_t at, int64_t lanes,
                              vf log_two, vf *slope, vf *q) {
    vf p = vf_get(teacher->exps + at, lanes) * vf_set1(teacher->scale);
    *q = vf_get(student->exps + at, lanes) * vf_set1(student->scale);
    vf log_p = log_of(teacher, at, lanes), log_q = log_of(student, at, lanes), ratio = log_p - log_q;
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

/* scratch: two rows */
VF_INLINE void distill_row(const int kind, const setun_distill_args *args, int64_t row, float weight, float *scratch) {
    int64_t vocab = args->vocab;
    float rate = 1 / args->temperature, outer = weight * args->grad_scale * args->temperature;
    float *gradient = args->dstudent == NULL ? NULL : args->dstudent + row * vocab;
    distribution student = distribution_of(args->student + row * vocab, vocab, rate, scratch);
    distribution teacher = distribution_of(args->teacher + row * vocab, vocab, rate, scratch + vocab);
    vf sum = vf_set1(0), mean = sum, log_two = log_one_plus(vf_set1(1)); /* of the same rounding as its subtrahend: 0 for equal rows */
    VF_EACH(j, lanes, vocab, {
        vf slope, q, term = divergence_terms(kind, &student, &teacher, j, lanes, log_two, &slope, &q);
        sum += term;
        mean += q * slope;
        if (gradient != NULL) {
            vf_put(gradient + j, lanes, kind == SETUN_DIVERGENCE_FORWARD ? slope * vf_set1(outer) : slope);
        }
    });
    args->loss[row] = weight * args->temperature * args->temperature * vf_sum(sum);
    if (gradient != NULL && kind != SETUN_DIVERGENCE_FORWARD) {
        vf middle = vf_set1(vf_sum(mean)), share = vf_set1(student.scale * outer);
        VF_EACH(j, lanes, vocab, {
            vf_put(gradient + j, lanes, vf_get(student.exps + j, lanes) * share * (vf_get(gradient + j, lanes) - middle));
        });
    }
}

static void distill(const setun_distill_args *args, int64_t first, int64_t last, float *scratch) {
    for (int64_t i = first; i < last; i++) {
        float weight = args->weights == NULL ? 1 : args->weights[i];
        if (weight == 0) {
            args->loss[i] = 0;
            if (args->dstudent != NULL) {
                memset(args->dstudent + i * args->vocab, 0, (size_t)args->vocab * sizeof(float));
            }
        } else if (args->divergence == SETUN_DIVERGENCE_FORWARD) {
            distill_row(SETUN_DIVERGENCE_FORWARD, args, i, weight, scratch);
        } else if (args->divergence == SETUN_DIVERGENCE_REVERSE) {
            distill_row(SETUN_DIVERGENCE_REVERSE, args, i, weight, scratch);
        } else {
            distill_row(SETUN_DIVERGENCE_JENSEN, args, i, weight, scratch);
        }
    }
}
