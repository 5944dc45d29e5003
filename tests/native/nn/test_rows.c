/* The network kernels other than attention against plain formulas in double. */
#include "harness.h"

typedef struct shape {
    int64_t n, d, heads;
    int32_t kind;
} shape;

static void embedding_case(setun_context *context, const void *arg, float *out, bool check) {
    const shape *s = arg;
    int32_t vocab = 11, *ids = test_ids(s->n, vocab, 3);
    float *table = test_random(vocab * s->d, 1, 1), *y = test_values(s->n * s->d);
    OK(context, setun_embedding_forward(context, ids, s->n, table, vocab, s->d, y));
    float *dtable = test_copy(table, vocab * s->d), *dy = test_random(s->n * s->d, 1, 2);
    float *expected = test_copy(table, vocab * s->d);
    OK(context, setun_embedding_backward(context, ids, s->n, dy, vocab, s->d, dtable));
    for (int64_t i = 0; check && i < s->n; i++) {
        EXPECT(memcmp(y + i * s->d, table + ids[i] * s->d, (size_t)s->d * 4) == 0, "row %d", (int)i);
        for (int64_t j = 0; j < s->d; j++) {
            expected[ids[i] * s->d + j] += dy[i * s->d + j];
        }
    }
    EXPECT(!check || memcmp(expected, dtable, (size_t)(vocab * s->d) * 4) == 0, "additions in the order of i");
    memcpy(out, dtable, (size_t)(vocab * s->d) * 4);
    ids[s->n - 1] = vocab;
    EXPECT(setun_embedding_forward(context, ids, s->n, table, vocab, s->d, y) == SETUN_INVALID_ARGUMENT, "id = vocab");
    EXPECT(strstr(setun_context_message(context), "= 11 must be in [0, 11)"), "%s", setun_context_message(context));
}

static void rmsnorm_case(setun_context *context, const void *arg, float *out, bool check) {
    const shape *s = arg;
    int64_t n = s->n, d = s->d, values = n * d;
    float *x = test_random(values, s->kind == 2 ? 3e20f : 2, 1), *w = test_random(d, 1, 2), *dy = test_random(values, 1, 3);
    float *start = test_random(values, 1, 4), *dw0 = test_random(d, 1, 5);
    float *y = test_values(values), *rstd = test_values(n), *dx = test_copy(start, values), *dw = test_copy(dw0, d);
    setun_rmsnorm_args args = {sizeof args, n, d, x, w, 1e-5f, s->kind == 1, y, rstd, dy, dx, dw};
    OK(context, setun_rmsnorm_forward(context, &args));
    OK(context, setun_rmsnorm_backward(context, &args));
    double u = ((double)d / 16 + 8) * UNIT, u_dx = ((double)d / 4 + 24) * UNIT;
    double *dw_sum = calloc((size_t)d, 8), *dw_size = calloc((size_t)d, 8);
    for (int64_t i = 0; check && i < n; i++) {
        double squares = 0, dot = 0, size = 0;
        for (int64_t j = 0; j < d; j++) {
            double term = (double)x[i * d + j] * w[j] * dy[i * d + j];
            squares += (double)x[i * d + j] * x[i * d + j];
            dot += term;
            size += fabs(term);
        }
        double r = 1 / sqrt(squares / (double)d + (double)1e-5f);
        test_near("rstd", i, rstd[i], r, u * r);
        for (int64_t j = 0; j < d; j++) {
            int64_t at = i * d + j;
            double direct = r * w[j] * dy[at], back = x[at] * r * r * r * dot / (double)d, old = s->kind == 1 ? start[at] : 0;
            test_near("y", at, y[at], x[at] * r * w[j], u * fabs(x[at] * r * w[j]));
            test_near("dx", at, dx[at], old + direct - back,
                      u_dx * (fabs(old) + fabs(direct) + fabs(x[at] * r * r * r * size / (double)d)));
            dw_sum[j] += (double)dy[at] * x[at] * r;
            dw_size[j] += fabs((double)dy[at] * x[at] * r);
        }
    }
    for (int64_t j = 0; check && j < d; j++) {
        test_near("dw", j, dw[j], dw0[j] + dw_sum[j], ((double)n / 8 + (double)d / 16 + 80) * UNIT * (dw_size[j] + fabs(dw0[j])));
    }
    free(dw_sum);
    free(dw_size);
    memcpy(out, y, (size_t)values * 4);
    memcpy(out + values, dx, (size_t)values * 4);
    memcpy(out + 2 * values, dw, (size_t)d * 4);
    args.rstd = NULL;
    OK(context, setun_rmsnorm_forward(context, &args)); /* rstd may be NULL where no backward follows */
}

static void rope_case(setun_context *context, const void *arg, float *out, bool check) {
    const shape *s = arg;
    int64_t row = s->heads * s->d, ldx = row + 3, values = (s->n - 1) * ldx + row;
    int32_t *positions = test_ids(s->n, s->kind < 2 ? 5 : 900000, 4);
    float *start = test_random(values, 1, 1), *x = test_copy(start, values);
    setun_rope_args args = {sizeof args, x, s->n, s->heads, s->d, ldx, positions, 10000, s->kind & 1, 0, 0};
    OK(context, setun_rope(context, &args));
    memcpy(out, x, (size_t)values * 4);
    for (int64_t i = 0; check && i < s->n; i++) {
        for (int64_t at = 0; at < row; at++) {
            int64_t h = at / s->d * s->d, j = at % s->d, half = s->d / 2;
            bool halves = s->kind & 1;
            int64_t pair = halves ? j % (half + (half == 0)) : j / 2;
            const float *head = start + i * ldx + h;
            if (j >= 2 * half) {
                test_near("rope: odd last value", at, x[i * ldx + at], head[j], 0);
                continue;
            }
            double angle = positions[i] * pow(10000, -2.0 * (double)pair / (double)s->d), c = cos(angle), z = sin(angle);
            double a = halves ? head[pair] : head[2 * pair], b = halves ? head[pair + half] : head[2 * pair + 1];
            bool second = halves ? j >= half : j % 2 == 1;
            test_near("rope", at, x[i * ldx + at], second ? a * z + b * c : a * c - b * z, 4 * UNIT * (fabs(a) + fabs(b)));
        }
    }
    args.inverse = 1;
    OK(context, setun_rope(context, &args));
    for (int64_t i = 0; check && i < values; i++) {
        test_near("rope there and back", i, x[i], start[i], 16 * UNIT);
    }
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void pointwise_case(setun_context *context, const void *arg, float *out, bool check) {
    const shape *s = arg;
    int64_t count = s->n * s->d;
    float *x = test_random(count, 12, 1), *up = test_random(count, 2, 2), *dy = test_random(count, 1, 3);
    x[0] = -90;
    x[count - 1] = count > 1 ? 90 : -90;
    x[count / 2] = -0.0f;
    float *y = test_values(count), *dgate = test_values(count), *dup = test_values(count), *relu = test_values(count);
    float *drelu = test_values(count), *sum = test_copy(up, count), *filled = test_values(count);
    setun_glu_args args = {sizeof args, s->n, s->d, s->kind, 0, x, up, y, dy, dgate, dup};
    OK(context, setun_glu_forward(context, &args));
    OK(context, setun_glu_backward(context, &args));
    OK(context, setun_relu_forward(context, x, count, relu));
    OK(context, setun_relu_backward(context, x, dy, count, drelu));
    OK(context, setun_axpby(context, 0.5f, x, 2, sum, count));
    OK(context, setun_fill(context, filled, count, 1.5f));
    for (int64_t i = 0; check && i < count; i++) {
        double g = x[i], p = sigmoid(g), positive = fmax(g, 0);
        double value = s->kind == 0 ? g * p : positive * positive;
        double slope = s->kind == 0 ? p * (1 + g * (1 - p)) : 2 * positive, rough = s->kind == 0 ? p * (1 + fabs(g)) : slope;
        test_near("glu", i, y[i], value * up[i], 12 * UNIT * fabs(value * up[i]) + 0x1p-140);
        test_near("dgate", i, dgate[i], dy[i] * up[i] * slope, 16 * UNIT * fabs(dy[i] * up[i] * rough) + 0x1p-140);
        test_near("dup", i, dup[i], dy[i] * value, 16 * UNIT * fabs(dy[i] * value) + 0x1p-140);
        EXPECT(relu[i] == (x[i] > 0 ? x[i] : 0) && drelu[i] == (x[i] > 0 ? dy[i] : 0), "relu(%g)", (double)x[i]);
        test_near("axpby", i, sum[i], 0.5 * x[i] + 2.0 * up[i], 2 * UNIT * (fabs(0.5 * x[i]) + fabs(2.0 * up[i])));
        EXPECT(filled[i] == 1.5f, "fill");
    }
    memcpy(out, y, (size_t)count * 4);
    memcpy(out + count, dgate, (size_t)count * 4);
    sum[0] = x[0] = NAN;
    OK(context, setun_axpby(context, 1, up, 0, sum, count));
    EXPECT(memcmp(sum, up, (size_t)count * 4) == 0, "b == 0 copies and does not read y");
    OK(context, setun_relu_forward(context, x, count, relu));
    EXPECT(isnan(relu[0]), "relu(NaN)");
    OK(context, setun_glu_forward(context, &args));
    EXPECT(isnan(y[0]), "glu(NaN)");
}

static void bias_case(setun_context *context, const void *arg, float *out, bool check) {
    const shape *s = arg;
    int64_t n = s->n, d = s->d;
    float *bias = test_random(d, 1, 1), *start = test_random(n * d, 1, 2), *y = test_copy(start, n * d), *dbias = test_copy(bias, d);
    OK(context, setun_bias_forward(context, bias, n, d, y));
    OK(context, setun_bias_backward(context, start, n, d, dbias));
    for (int64_t j = 0; check && j < d; j++) {
        double sum = bias[j], size = fabs(bias[j]);
        for (int64_t i = 0; i < n; i++) {
            EXPECT(y[i * d + j] == start[i * d + j] + bias[j], "bias");
            sum += start[i * d + j];
            size += fabs(start[i * d + j]);
        }
        test_near("dbias", j, dbias[j], sum, ((double)n / 8 + 80) * UNIT * size);
    }
    memcpy(out, dbias, (size_t)d * 4);
}

static void cross_entropy_case(setun_context *context, const void *arg, float *out, bool check) {
    const shape *s = arg;
    int64_t n = s->n, vocab = s->d;
    float *logits = test_random(n * vocab, 30, 1), *loss = test_values(n), *gradient = test_values(n * vocab);
    int32_t *targets = test_ids(n, (int32_t)vocab, 2);
    targets[n / 2] = -1;
    setun_cross_entropy_args args = {sizeof args, n, vocab, logits, targets, loss, gradient, 0.25f, s->kind % 2 == 0 ? 0 : 0.1f};
    OK(context, setun_cross_entropy(context, &args));
    double smooth = args.label_smoothing;
    for (int64_t i = 0; check && i < n; i++) {
        double high = -INFINITY, sum = 0, mean = 0;
        for (int64_t j = 0; j < vocab; j++) {
            high = fmax(high, logits[i * vocab + j]);
            mean += logits[i * vocab + j] / (double)vocab;
        }
        for (int64_t j = 0; j < vocab; j++) {
            sum += exp(logits[i * vocab + j] - high);
        }
        double lse = high + log(sum), u = ((double)vocab / 16 + 100) * UNIT;
        bool ignored = targets[i] < 0;
        double own = ignored ? lse : logits[i * vocab + targets[i]];
        test_near("loss", i, loss[i], ignored ? 0 : lse - (1 - smooth) * own - smooth * mean,
                  ignored ? 0 : u * (1 + smooth * (high - mean)) + 2 * UNIT * (high - own));
        for (int64_t j = 0; j < vocab; j++) {
            double p = exp(logits[i * vocab + j] - lse);
            test_near("dlogits", j, gradient[i * vocab + j], ignored ? 0 : (p - smooth / (double)vocab - (1 - smooth) * (j == targets[i])) * 0.25,
                      ignored ? 0 : 0.25 * (u * p + 2 * UNIT * ((j == targets[i]) + smooth / (double)vocab)));
        }
    }
    memcpy(out, loss, (size_t)n * 4);
    memcpy(out + n, gradient, (size_t)(n * vocab) * 4);
    args.dlogits = logits;
    OK(context, setun_cross_entropy(context, &args));
    EXPECT(memcmp(logits, out + n, (size_t)(n * vocab) * 4) == 0 && memcmp(loss, out, (size_t)n * 4) == 0, "dlogits on logits");
    targets[0] = (int32_t)vocab;
    loss[0] = 77;
    EXPECT(setun_cross_entropy(context, &args) == SETUN_INVALID_ARGUMENT && loss[0] == 77, "a target out of range writes nothing");
    targets[0] = -2;
    EXPECT(setun_cross_entropy(context, &args) == SETUN_INVALID_ARGUMENT, "target -2");
    targets[0] = 0;
    logits[0] = NAN;
    OK(context, setun_cross_entropy(context, &args));
    EXPECT(isnan(loss[0]), "NaN logits give a NaN loss");
}

/* log softmax(x / t) in double */
static void log_softmax(const float *x, int64_t count, double t, double *out) {
    double high = -INFINITY, sum = 0;
    for (int64_t j = 0; j < count; j++) {
        high = fmax(high, x[j]);
    }
    for (int64_t j = 0; j < count; j++) {
        sum += exp((x[j] - high) / t);
    }
    for (int64_t j = 0; j < count; j++) {
        out[j] = (x[j] - high) / t - log(sum);
    }
}

static void distill_case(setun_context *context, const void *arg, float *out, bool check) {
    const shape *s = arg;
    int64_t n = s->n, vocab = s->d;
    float *student = test_random(n * vocab, 20, 1), *teacher = test_random(n * vocab, 20, 2), *loss = test_values(n);
    float *gradient = test_values(n * vocab), *weights = test_random(n, 1, 3);
    for (int64_t i = 0; i < n; i++) {
        weights[i] = i == n / 2 ? 0 : fabsf(weights[i]);
    }
    memcpy(student, teacher, (size_t)vocab * 4); /* identical rows */
    setun_distill_args args = {sizeof args, n, vocab, s->kind % 3, 2.0f, student, teacher, weights, loss, gradient, 0.25f, 0};
    OK(context, setun_distill(context, &args));
    double *p = calloc((size_t)vocab, 8), *q = calloc((size_t)vocab, 8);
    for (int64_t i = 0; check && i < n; i++) {
        log_softmax(student + i * vocab, vocab, 2, q);
        log_softmax(teacher + i * vocab, vocab, 2, p);
        double sum = 0, size = 0;
        for (int64_t j = 0; j < vocab; j++) {
            double ep = exp(p[j]), eq = exp(q[j]), middle = log((ep + eq) / 2);
            double forward = ep * (p[j] - q[j]), reverse = eq * (q[j] - p[j]);
            sum += args.divergence == 0 ? forward : args.divergence == 1 ? reverse : (ep * (p[j] - middle) + eq * (q[j] - middle)) / 2;
            size += (args.divergence == 0 ? ep : args.divergence == 1 ? eq : (ep + eq) / 2) * (fabs(p[j]) + fabs(q[j]));
        }
        double c = ((double)vocab / 16 + 100) * UNIT;
        test_near("loss", i, loss[i], weights[i] * 4 * sum, weights[i] * 4 * c * (1 + size));
        for (int64_t j = 0; args.divergence == 0 && j < vocab; j++) {
            double ep = exp(p[j]), eq = exp(q[j]), outer = weights[i] * 0.25 * 2;
            test_near("dstudent", j, gradient[i * vocab + j], outer * (eq - ep), outer * c * (eq * (1 - q[j]) + ep * (1 - p[j])));
        }
    }
    for (int64_t j = 0; j < vocab; j++) {
        EXPECT(gradient[j] == 0 && gradient[n / 2 * vocab + j] == 0, "identical rows and rows of weight 0 have no gradient");
    }
    EXPECT(loss[0] == 0 && loss[n / 2] == 0, "identical rows and rows of weight 0 have no loss");
    memcpy(out, loss, (size_t)n * 4);
    memcpy(out + n, gradient, (size_t)(n * vocab) * 4);
    free(p);
    free(q);
    weights[0] = -1;
    loss[0] = 77;
    EXPECT(setun_distill(context, &args) == SETUN_INVALID_ARGUMENT && loss[0] == 77, "a negative weight writes nothing");
    weights[0] = 1;
    args.temperature = 0;
    EXPECT(setun_distill(context, &args) == SETUN_INVALID_ARGUMENT && loss[0] == 77, "temperature 0");
    args.temperature = 1;
    args.divergence = 3;
    EXPECT(setun_distill(context, &args) == SETUN_INVALID_ARGUMENT && loss[0] == 77, "no such divergence");
    args.divergence = 0;
    teacher[0] = NAN;
    OK(context, setun_distill(context, &args));
    EXPECT(isnan(loss[0]) && isnan(gradient[0]), "NaN logits give a NaN loss");
}

int main(void) {
    static const shape shapes[] = {{1, 1, 1, 0},   {2, 3, 2, 1},   {5, 16, 1, 2},   {7, 17, 3, 3},   {3, 31, 2, 0},  {9, 33, 1, 1},
                                   {70, 64, 4, 0}, {65, 100, 3, 1}, {600, 20, 2, 2}, {4, 515, 1, 3}, {33, 1025, 1, 0}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        shape s = shapes[i];
        int64_t values = s.n * s.d;
        test_everywhere("rope", rope_case, &s, s.n * (s.heads * s.d + 3));
        test_everywhere("bias", bias_case, &s, s.d);
        test_everywhere("cross-entropy", cross_entropy_case, &s, s.n + values);
        test_everywhere("distill", distill_case, &s, s.n + values);
        test_everywhere("embedding", embedding_case, &s, 11 * s.d);
        s.kind %= 3;
        test_everywhere("rmsnorm", rmsnorm_case, &s, 2 * values + s.d);
        s.kind %= 2;
        test_everywhere("pointwise", pointwise_case, &s, 2 * values);
    }
    return 0;
}
