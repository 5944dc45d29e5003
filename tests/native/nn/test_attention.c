/* Attention forward and backward, in fp32 and bf16, against double formulas, and the backward formulas against finite differences of the
 * forward. With TEST_TILES: the AMX kernels over emulated tiles (tiles_runtime.c). */
#include "harness.h"

typedef struct shape {
    int64_t batch, t, s, heads, kv_heads, d;
    bool strided;
    int32_t precision;
} shape;

typedef struct tensors {
    int64_t ldq, ldkv, stride, queries, keys;
    float *q, *k, *v, *dout;
} tensors;

static tensors make(const shape *s) {
    tensors x;
    x.ldq = s->heads * s->d + (s->strided ? 5 : 0);
    x.ldkv = s->kv_heads * s->d + (s->strided ? 3 : 0);
    x.stride = s->strided ? s->s * x.ldkv + 7 : 0;
    x.queries = (s->batch * s->t - 1) * x.ldq + s->heads * s->d;
    x.keys = (s->batch - 1) * (s->strided ? x.stride : s->s * x.ldkv) + (s->s - 1) * x.ldkv + s->kv_heads * s->d;
    x.q = test_random(x.queries, 2, 1);
    x.k = test_random(x.keys, 2, 2);
    x.v = test_random(x.keys, 1, 3);
    x.dout = test_random(s->batch * s->t * s->heads * s->d, 1, 4);
    return x;
}

static double scale_of(const shape *s) { return (double)(float)(1 / sqrt((double)s->d)); }

/* Weights of one query over its keys, in double; returns the log-sum-exp. */
static double weights_of(const shape *s, const tensors *x, int64_t b, int64_t h, int64_t i, double *weights) {
    int64_t visible = i + s->s - s->t + 1, stride = x->stride ? x->stride : s->s * x->ldkv, kv = h / (s->heads / s->kv_heads) * s->d;
    double high = -INFINITY, sum = 0;
    for (int64_t j = 0; j < visible; j++) {
        double dot = 0;
        for (int64_t c = 0; c < s->d; c++) {
            dot += (double)x->q[(b * s->t + i) * x->ldq + h * s->d + c] * x->k[b * stride + j * x->ldkv + kv + c];
        }
        weights[j] = dot * scale_of(s);
        high = fmax(high, weights[j]);
    }
    for (int64_t j = 0; j < visible; j++) {
        sum += exp(weights[j] - high);
    }
    for (int64_t j = 0; j < visible; j++) {
        weights[j] = exp(weights[j] - high) / sum;
    }
    return high + log(sum);
}

/* Relative error of a weight: scores carry (d + 4) roundings of at most |q||k| scale <= 4 sqrt(d), the sum s/4 + 16 more. */
static double weight_error(const shape *s) {
    return UNIT * (((double)s->d + 8) * 4 * sqrt((double)s->d) + (double)s->s / 4 + 40);
}

/* In bf16 two rounded operands bring 2.01 * 2^-8, so a score errs by at most this: |q k| <= 4 would be the worst, its mean is 1. */
#define ROUNDING (2.01 * 0x1p-8)

static double score_error_bf16(const shape *s, const tensors *x) {
    double worst = 0;
    int64_t stride = x->stride ? x->stride : s->s * x->ldkv;
    for (int64_t at = 0; at < s->batch * s->heads * s->t; at++) {
        int64_t b = at / (s->heads * s->t), h = at / s->t % s->heads, i = at % s->t, kv = h / (s->heads / s->kv_heads) * s->d;
        for (int64_t j = 0; j <= i + s->s - s->t; j++) {
            double magnitude = 0;
            for (int64_t c = 0; c < s->d; c++) {
                magnitude += fabs((double)x->q[(b * s->t + i) * x->ldq + h * s->d + c] * x->k[b * stride + j * x->ldkv + kv + c]);
            }
            worst = fmax(worst, magnitude);
        }
    }
    return (ROUNDING + ((double)s->d + 6) * UNIT) * worst * scale_of(s);
}

/* Relative to the sizes of their terms: weights, outputs, gradients. */
typedef struct errors_bf16 {
    double score, weight, out, gradient;
} errors_bf16;

static errors_bf16 errors_of(const shape *s, const tensors *x) {
    errors_bf16 e = {.score = score_error_bf16(s, x)};
    e.weight = expm1(2 * e.score) + 0x1p-17 + ((double)s->s / 4 + 40) * UNIT;
    e.out = (1 + e.weight) * (1 + ROUNDING) - 1;
    double terms = (double)(s->s + s->t * s->heads / s->kv_heads) * UNIT;
    e.gradient = (1 + e.out) * (1 + e.weight) * (1 + ROUNDING) * (1 + ROUNDING + terms) - 1;
    return e;
}

/* Each value within the largest possible error, and all together as near as random roundings come. */
static void check_bf16(const char *what, int64_t count, const float *actual, const double *expected, const double *size, double bound) {
    double squares = 0, sizes = 0;
    for (int64_t i = 0; i < count; i++) {
        if (size[i] > 0) { /* others are gaps */
            test_near(what, i, actual[i], expected[i], bound * size[i]);
            squares += ((double)actual[i] - expected[i]) * ((double)actual[i] - expected[i]);
            sizes += size[i] * size[i];
        }
    }
    EXPECT(squares <= 0x1p-15 * sizes, "%s: the root mean square of errors is %g of the terms", what, sqrt(squares / sizes));
}

static void check_forward(const shape *s, const tensors *x, const float *out, const float *lse) {
    bool bf16 = s->precision == SETUN_PRECISION_BF16;
    errors_bf16 errors = bf16 ? errors_of(s, x) : (errors_bf16){0};
    int64_t outputs = s->batch * s->t * s->heads * s->d;
    double *weights = malloc((size_t)s->s * sizeof(double)), *exact = malloc((size_t)outputs * 8), *size = malloc((size_t)outputs * 8);
    int64_t stride = x->stride ? x->stride : s->s * x->ldkv;
    for (int64_t at = 0; at < s->batch * s->heads * s->t; at++) {
        int64_t b = at / (s->heads * s->t), h = at / s->t % s->heads, i = at % s->t, kv = h / (s->heads / s->kv_heads) * s->d;
        double expected = weights_of(s, x, b, h, i, weights);
        test_near("lse", at, lse[at], expected, weight_error(s) * (1 + fabs(expected)) + errors.score + (bf16 ? 0x1p-18 : 0));
        for (int64_t c = 0; c < s->d; c++) {
            double sum = 0, magnitude = 0;
            for (int64_t j = 0; j <= i + s->s - s->t; j++) {
                sum += weights[j] * x->v[b * stride + j * x->ldkv + kv + c];
                magnitude += weights[j] * fabs((double)x->v[b * stride + j * x->ldkv + kv + c]);
            }
            int64_t place = ((b * s->t + i) * s->heads + h) * s->d + c;
            exact[place] = sum;
            size[place] = magnitude;
            if (!bf16) {
                test_near("out", place, out[place], sum, 3 * weight_error(s));
            }
        }
    }
    if (bf16) {
        check_bf16("out", outputs, out, exact, size, errors.out);
    }
    free(exact);
    free(size);
    free(weights);
}

/* All gradients in double, and the sizes of their terms: sums of magnitudes, p * (sum|dout v| + its mean) for ds. */
typedef struct gradients {
    double *dq, *dk, *dv;
    double *dq_size, *dk_size, *dv_size;
} gradients;

static void free_gradients(gradients *g) {
    free(g->dq);
    free(g->dk);
    free(g->dv);
    free(g->dq_size);
    free(g->dk_size);
    free(g->dv_size);
}

static gradients expected_gradients(const shape *s, const tensors *x) {
    gradients g = {calloc((size_t)x->queries, 8), calloc((size_t)x->keys, 8), calloc((size_t)x->keys, 8),
                   calloc((size_t)x->queries, 8), calloc((size_t)x->keys, 8), calloc((size_t)x->keys, 8)};
    size_t row = (size_t)s->s * sizeof(double);
    double *weights = malloc(row), *dp = malloc(row), *dp_size = malloc(row);
    int64_t stride = x->stride ? x->stride : s->s * x->ldkv;
    for (int64_t at = 0; at < s->batch * s->heads * s->t; at++) {
        int64_t b = at / (s->heads * s->t), h = at / s->t % s->heads, i = at % s->t, kv = h / (s->heads / s->kv_heads) * s->d;
        const float *dout = x->dout + ((b * s->t + i) * s->heads + h) * s->d, *q = x->q + (b * s->t + i) * x->ldq + h * s->d;
        int64_t query = (b * s->t + i) * x->ldq + h * s->d;
        double mean = 0, mean_size = 0;
        weights_of(s, x, b, h, i, weights);
        for (int64_t j = 0; j <= i + s->s - s->t; j++) {
            dp[j] = dp_size[j] = 0;
            for (int64_t c = 0; c < s->d; c++) {
                double product = (double)dout[c] * x->v[b * stride + j * x->ldkv + kv + c];
                dp[j] += product;
                dp_size[j] += fabs(product);
            }
            mean += weights[j] * dp[j];
            mean_size += weights[j] * dp_size[j];
        }
        for (int64_t j = 0; j <= i + s->s - s->t; j++) {
            int64_t key = b * stride + j * x->ldkv + kv;
            double ds = weights[j] * (dp[j] - mean) * scale_of(s), size = weights[j] * (dp_size[j] + mean_size) * scale_of(s);
            for (int64_t c = 0; c < s->d; c++) {
                g.dv[key + c] += weights[j] * dout[c];
                g.dk[key + c] += ds * q[c];
                g.dq[query + c] += ds * x->k[key + c];
                g.dv_size[key + c] += weights[j] * fabsf(dout[c]);
                g.dk_size[key + c] += size * fabsf(q[c]);
                g.dq_size[query + c] += size * fabsf(x->k[key + c]);
            }
        }
    }
    free(weights);
    free(dp);
    free(dp_size);
    return g;
}

/* L = sum of dout * out over everything, in double. */
static double loss_of(const shape *s, const tensors *x) {
    double *weights = malloc((size_t)s->s * sizeof(double)), loss = 0;
    int64_t stride = x->stride ? x->stride : s->s * x->ldkv;
    for (int64_t at = 0; at < s->batch * s->heads * s->t; at++) {
        int64_t b = at / (s->heads * s->t), h = at / s->t % s->heads, i = at % s->t, kv = h / (s->heads / s->kv_heads) * s->d;
        const float *dout = x->dout + ((b * s->t + i) * s->heads + h) * s->d;
        weights_of(s, x, b, h, i, weights);
        for (int64_t j = 0; j <= i + s->s - s->t; j++) {
            for (int64_t c = 0; c < s->d; c++) {
                loss += weights[j] * x->v[b * stride + j * x->ldkv + kv + c] * dout[c];
            }
        }
    }
    free(weights);
    return loss;
}

/* One gradient against (L(value + h) - L(value - h)) / 2h. */
static void check_difference(const char *what, const shape *s, const tensors *x, float *value, double gradient) {
    const float keep = *value, h = 0x1p-7f;
    volatile float high = keep + h, low = keep - h;
    *value = high;
    double difference = loss_of(s, x);
    *value = low;
    difference -= loss_of(s, x);
    *value = keep;
    test_near(what, 0, gradient, difference / ((double)high - (double)low), 2e-4 * (1 + fabs(gradient)));
}

static void check_differences(const shape *s, const tensors *x, const gradients *g) {
    int64_t query = (s->batch * s->t - 1) / 2 * x->ldq + s->d / 2, key = s->s / 3 * x->ldkv + s->d / 2;
    check_difference("dq by differences", s, x, x->q + query, g->dq[query]);
    check_difference("dk by differences", s, x, x->k + key, g->dk[key]);
    check_difference("dv by differences", s, x, x->v + key, g->dv[key]);
}

static void check_gradients(const shape *s, const tensors *x, const gradients *g, const float *dq, const float *dk, const float *dv) {
    if (s->precision == SETUN_PRECISION_BF16) {
        double bound = errors_of(s, x).gradient;
        check_bf16("dq", x->queries, dq, g->dq, g->dq_size, bound);
        check_bf16("dk", x->keys, dk, g->dk, g->dk_size, bound);
        check_bf16("dv", x->keys, dv, g->dv, g->dv_size, bound);
        return;
    }
    double bound = 8 * weight_error(s) * sqrt((double)s->d) * (1 + (double)(s->t * s->heads / s->kv_heads) / 16);
    for (int64_t b = 0; b < s->batch * s->t; b++) {
        for (int64_t c = 0; c < s->heads * s->d; c++) {
            test_near("dq", b * x->ldq + c, dq[b * x->ldq + c], g->dq[b * x->ldq + c], bound);
        }
    }
    for (int64_t b = 0; b < s->batch; b++) {
        for (int64_t j = 0; j < s->s * s->kv_heads * s->d; j++) {
            int64_t row = s->kv_heads * s->d, at = b * (x->stride ? x->stride : s->s * x->ldkv) + j / row * x->ldkv + j % row;
            test_near("dk", at, dk[at], g->dk[at], bound);
            test_near("dv", at, dv[at], g->dv[at], bound);
        }
    }
}

static void attention_case(setun_context *context, const void *arg, float *result, bool check) {
    const shape *s = arg;
    tensors x = make(s);
    int64_t outputs = s->batch * s->t * s->heads * s->d;
    float *out = test_values(outputs), *lse = test_values(s->batch * s->heads * s->t);
    float *dq = test_random(x.queries, 1, 9), *dk = test_random(x.keys, 1, 9), *dv = test_random(x.keys, 1, 9);
    setun_attention_args args = {.size = sizeof args,
                                 .batch = s->batch,
                                 .t = s->t,
                                 .s = s->s,
                                 .heads = s->heads,
                                 .kv_heads = s->kv_heads,
                                 .head_dim = s->d,
                                 .scale = (float)scale_of(s),
                                 .precision = s->precision,
                                 .q = x.q,
                                 .ldq = x.ldq,
                                 .k = x.k,
                                 .v = x.v,
                                 .ldkv = x.ldkv,
                                 .kv_batch_stride = x.stride,
                                 .out = out,
                                 .lse = lse,
                                 .dout = x.dout,
                                 .dq = dq,
                                 .dk = dk,
                                 .dv = dv};
    OK(context, setun_attention_forward(context, &args));
    OK(context, setun_attention_backward(context, &args));
    if (check) {
        check_forward(s, &x, out, lse);
        gradients g = expected_gradients(s, &x);
        if (s->s <= 70) {
            check_differences(s, &x, &g);
        }
        check_gradients(s, &x, &g, dq, dk, dv);
        free_gradients(&g);
    }
    memcpy(result, out, (size_t)outputs * 4);
    memcpy(result + outputs, dq, (size_t)x.queries * 4);
    memcpy(result + outputs + x.queries, dk, (size_t)x.keys * 4);
    memcpy(result + outputs + x.queries + x.keys, dv, (size_t)x.keys * 4);
    args.lse = NULL;
    OK(context, setun_attention_forward(context, &args));
    EXPECT(memcmp(result, out, (size_t)outputs * 4) == 0, "without lse");
}

static const shape SHAPES[] = {{1, 1, 1, 1, 1, 1, false, 0},     {2, 3, 3, 2, 1, 5, true, 0},      {1, 1, 70, 4, 2, 16, false, 0},
                               {2, 1, 300, 2, 2, 33, true, 0},   {1, 3, 130, 2, 1, 64, false, 0},  {1, 64, 64, 2, 2, 64, false, 0},
                               {1, 65, 65, 1, 1, 40, true, 0},   {2, 130, 130, 4, 2, 32, true, 0}, {1, 77, 300, 3, 1, 17, false, 0},
                               {1, 200, 264, 2, 1, 48, true, 0}, {1, 5, 67, 1, 1, 128, false, 0},  {3, 7, 7, 6, 3, 80, true, 0},
                               {1, 260, 260, 1, 1, 8, false, 0}};

static int64_t result_values(const shape *s) {
    return s->batch * s->t * (2 * s->heads * s->d + 5) + 2 * s->batch * (s->s * (s->kv_heads * s->d + 3) + 7);
}

#if defined(TEST_TILES)

int main(void) {
    if (!setun_cpu_supports(SETUN_ISA_AVX512BF16)) {
        return 77;
    }
    setun_context_options options = {sizeof options, 1, -1};
    setun_context *context;
    OK(NULL, setun_context_create(&options, &context));
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        if (SHAPES[i].t >= 4) { /* fewer queries are computed in fp32 */
            shape s = SHAPES[i];
            s.precision = SETUN_PRECISION_BF16;
            float *result = calloc((size_t)result_values(&s) + 1, 4);
            attention_case(context, &s, result, true);
            free(result);
            test_release();
        }
    }
    OK(NULL, setun_context_destroy(context));
    return 0;
}

#else

static void test_arguments(void) {
    setun_context_options options = {sizeof options, 1, -1};
    setun_context *context;
    OK(NULL, setun_context_create(&options, &context));
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[4] = {0}, lse[4], dk[4] = {9, 9, 9, 9}, dv[4] = {9, 9, 9, 9};
    setun_attention_args args = {.size = sizeof args, .batch = 1, .t = 2, .s = 1, .heads = 1, .kv_heads = 1, .head_dim = 2, .q = x,
                                 .ldq = 2, .k = x, .v = x, .ldkv = 2, .out = out, .lse = lse, .dout = x, .dq = out, .dk = dk, .dv = dv};
    EXPECT(setun_attention_forward(context, &args) == SETUN_INVALID_ARGUMENT && strstr(setun_context_message(context), "s = 1"),
           "more queries than keys");
    args.s = 2;
    args.heads = 3;
    args.ldq = 6;
    args.kv_heads = 2;
    EXPECT(setun_attention_forward(context, &args) == SETUN_INVALID_ARGUMENT, "heads not a multiple of kv_heads");
    args.heads = args.kv_heads = 1;
    args.ldq = 1;
    EXPECT(setun_attention_forward(context, &args) == SETUN_INVALID_ARGUMENT && strstr(setun_context_message(context), "ldq = 1"),
           "ldq < heads * head_dim");
    args.ldq = 2;
    args.head_dim = INT64_MAX / 2;
    EXPECT(setun_attention_forward(context, &args) == SETUN_INVALID_ARGUMENT, "a huge head_dim");
    args.head_dim = 2;
    args.size = 8;
    EXPECT(setun_attention_forward(context, &args) == SETUN_INVALID_ARGUMENT, "another struct size");
    args.size = sizeof args;
    args.precision = 2;
    EXPECT(setun_attention_forward(context, &args) == SETUN_INVALID_ARGUMENT && strstr(setun_context_message(context), "precision = 2"),
           "an unknown precision");
    args.precision = SETUN_PRECISION_F32;
    args.t = 0;
    OK(context, setun_attention_forward(context, &args));
    OK(context, setun_attention_backward(context, &args));
    EXPECT(dk[0] == 0 && dk[3] == 0 && dv[3] == 0, "no queries: the gradients of keys are 0");
    args.t = args.s = 2;
    x[1] = NAN;
    OK(context, setun_attention_forward(context, &args));
    EXPECT(isnan(out[0]), "NaN comes through");
    OK(NULL, setun_context_destroy(context));
}

int main(void) {
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        shape s = SHAPES[i];
        test_everywhere("attention", attention_case, &s, result_values(&s));
        s.precision = SETUN_PRECISION_BF16;
        test_everywhere("attention in bf16", attention_case, &s, result_values(&s));
    }
    test_arguments();
    return 0;
}

#endif
