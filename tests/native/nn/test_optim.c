/* Sums, clipping and AdamW: the same bits as the orders written in setun/optim.h, on every tier. */
#include "harness.h"

static double fold(double lane[16]) {
    for (int half = 8; half > 0; half /= 2) {
        for (int j = 0; j < half; j++) {
            lane[j] += lane[j + half];
        }
    }
    return lane[0];
}

static double expected_sum(const float *x, int64_t count, bool squares) {
    int64_t chunks = (count + 4095) / 4096;
    double *sums = calloc((size_t)chunks + 1, sizeof(double));
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        volatile float lane[16] = {0};
        double wide[16] = {0};
        for (int64_t i = chunk * 4096; i < count && i < (chunk + 1) * 4096; i++) {
            if (squares) {
                wide[i % 16] += (double)x[i] * (double)x[i];
            } else {
                lane[i % 16] += x[i];
            }
        }
        for (int j = 0; j < 16 && !squares; j++) {
            wide[j] = lane[j];
        }
        sums[chunk] = fold(wide);
    }
    for (int64_t n = chunks; n > 1; n = (n + 1) / 2) {
        for (int64_t i = 0; i < n / 2; i++) {
            sums[i] = sums[2 * i] + sums[2 * i + 1];
        }
        if (n % 2 == 1) {
            sums[n / 2] = sums[n - 1];
        }
    }
    double total = sums[0];
    free(sums);
    return total;
}

static void sums_case(setun_context *context, const void *arg, float *out, bool check) {
    int64_t count = *(const int64_t *)arg;
    float *x = test_random(count, 3, 5);
    double sums[2];
    OK(context, setun_sum(context, x, count, &sums[0]));
    OK(context, setun_sum_squares(context, x, count, &sums[1]));
    if (check) {
        EXPECT(sums[0] == expected_sum(x, count, false), "sum of %lld", (long long)count);
        EXPECT(sums[1] == expected_sum(x, count, true), "sum of squares of %lld", (long long)count);
    }
    memcpy(out, sums, sizeof sums);
}

static void adamw_case(setun_context *context, const void *arg, float *out, bool check) {
    int64_t count = *(const int64_t *)arg;
    float *w0 = test_random(count, 1, 1), *g = test_random(count, 0.01f, 2), *m0 = test_random(count, 0.01f, 3);
    float *v0 = test_random(count, 1e-4f, 4), factor = 0.37f;
    for (int64_t i = 0; i < count; i++) {
        v0[i] = fabsf(v0[i]);
    }
    float *w = test_copy(w0, count), *m = test_copy(m0, count), *v = test_copy(v0, count);
    setun_adamw_args args = {sizeof args, count, w, g, m, v, 1e-3f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.271f, 0.003f, 0, &factor, NULL};
    OK(context, setun_adamw(context, &args));
    for (int64_t i = 0; check && i < count; i++) {
        volatile float gradient = g[i] * factor, m1 = 0.9f * m0[i], m2 = (1 - 0.9f) * gradient, v1 = 0.999f * v0[i];
        volatile float v2 = (1 - 0.999f) * gradient;
        volatile float v3 = v2 * gradient, mean = m1 + m2, variance = v1 + v3;
        volatile float root = sqrtf(variance / 0.003f), decay = 0.1f * w0[i];
        volatile float ratio = mean / 0.271f;
        volatile float quotient = ratio / (root + 1e-8f);
        volatile float step = quotient + decay;
        volatile float change = 1e-3f * step;
        EXPECT(m[i] == mean && v[i] == variance && w[i] == w0[i] - change, "adamw at %lld of %lld", (long long)i, (long long)count);
    }
    memcpy(out, w, (size_t)count * 4);
    factor = 0;
    OK(context, setun_adamw(context, &args));
    EXPECT(memcmp(out, w, (size_t)count * 4) == 0, "factor 0 skips the update");
}

static void test_clip(void) {
    setun_context_options options = {sizeof options, 1, -1};
    setun_context *context;
    OK(NULL, setun_context_create(&options, &context));
    double sums[2] = {9, 16}, infinite[1] = {INFINITY}, broken[1] = {NAN};
    float out[2];
    OK(context, setun_clip_factor(context, sums, 2, 1, out));
    EXPECT(out[0] == 5 && out[1] == 0.2f, "%g %g", (double)out[0], (double)out[1]);
    OK(context, setun_clip_factor(context, sums, 2, 6, out));
    EXPECT(out[1] == 1, "below the limit");
    OK(context, setun_clip_factor(context, sums, 2, 0, out));
    EXPECT(out[1] == 1, "no limit");
    OK(context, setun_clip_factor(context, infinite, 1, 1, out));
    EXPECT(isinf(out[0]) && out[1] == 0, "infinite");
    OK(context, setun_clip_factor(context, broken, 1, 0, out));
    EXPECT(isnan(out[0]) && out[1] == 0, "NaN");
    OK(context, setun_clip_factor(context, NULL, 0, 1, out));
    EXPECT(out[0] == 0 && out[1] == 1, "nothing");
    double sum = 1;
    OK(context, setun_sum(context, NULL, 0, &sum));
    EXPECT(sum == 0, "empty sum");
    EXPECT(setun_sum(context, NULL, 1, &sum) == SETUN_INVALID_ARGUMENT, "NULL");
    EXPECT(setun_sum(context, out, -1, &sum) == SETUN_INVALID_ARGUMENT, "count");
    float *one = test_random(1, 1, 1);
    setun_adamw_args args = {sizeof args, 1, one, one, one, one, 1, 1, 1, 1, 1, 0, 1, 0, NULL, NULL};
    EXPECT(setun_adamw(context, &args) == SETUN_INVALID_ARGUMENT && strstr(setun_context_message(context), "bias1"), "bias1 = 0");
    OK(NULL, setun_context_destroy(context));
}

int main(void) {
    static const int64_t counts[] = {1, 3, 15, 16, 17, 100, 4095, 4096, 4097, 12288 + 5, 100001};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        test_everywhere("sums", sums_case, &counts[i], 4);
        test_everywhere("adamw", adamw_case, &counts[i], counts[i]);
    }
    test_clip();
    return 0;
}
