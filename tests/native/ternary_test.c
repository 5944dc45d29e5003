/* Each ternary kernel of this tier against the portable one, over shapes around every block and tile edge, misaligned operands that end
 * at guard pages, bad values, and thread counts. */
#include <math.h>
#include <string.h>

#include "selftest.h"

static setun_context *portable, *tier;

static const int64_t LENGTHS[] = {0, 1, 2, 15, 16, 17, 31, 63, 64, 65, 127, 255, 256, 257, 300, 511, 512, 513, 768, 1000, 2303, 4095, 4097};
enum { LENGTH_COUNT = sizeof LENGTHS / sizeof *LENGTHS };

static void fill_floats(rng *r, float *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        x[i] = rng_float(r) * (rng_below(r, 16) == 0 ? 8.0f : 1.0f);
    }
}

static int64_t any_slack(rng *r, int64_t element) { return rng_below(r, 2) * rng_below(r, 64) / element * element; }

static bool same(const void *a, const void *b, int64_t bytes) { return memcmp(a, b, (size_t)bytes) == 0; }

static void weights(rng *r, int64_t m, int64_t k, float bad) {
    int64_t bytes = setun_ternary_packed_bytes(m, k);
    float *w = guarded(m * k * 4, any_slack(r, 4));
    fill_floats(r, w, m * k);
    if (!isfinite(bad) && m * k > 0) {
        w[rng_below(r, m * k)] = bad;
    }
    int8_t *codes[2] = {guarded(m * k, 0), guarded(m * k, any_slack(r, 1))};
    uint8_t *packed[3] = {guarded(bytes, 0), guarded(bytes, any_slack(r, 1)), guarded(bytes, 0)};
    int8_t *back = guarded(m * k, 0);
    float gamma[4] = {1, 2, 3, 4}, *expanded = guarded(m * k * 4, 0);
    CHECK(setun_ternary_quantize(portable, w, m, k, codes[0], &gamma[0]) == SETUN_OK, "%s", setun_context_message(portable));
    CHECK(setun_ternary_quantize(tier, w, m, k, codes[1], &gamma[1]) == SETUN_OK, "%s", setun_context_message(tier));
    CHECK(setun_ternary_quantize_pack(portable, w, m, k, packed[0], &gamma[2]) == SETUN_OK, "%s", setun_context_message(portable));
    CHECK(setun_ternary_quantize_pack(tier, w, m, k, packed[1], &gamma[3]) == SETUN_OK, "%s", setun_context_message(tier));
    CHECK(setun_ternary_pack(tier, codes[1], m, k, packed[2]) == SETUN_OK, "%s", setun_context_message(tier));
    CHECK(setun_ternary_unpack(tier, packed[1], m, k, back) == SETUN_OK, "%s", setun_context_message(tier));
    CHECK(setun_ternary_expand(tier, packed[1], m, k, &gamma[1], expanded) == SETUN_OK, "%s", setun_context_message(tier));
    CHECK(same(codes[0], codes[1], m * k) && same(codes[0], back, m * k), "codes differ: %lld x %lld", (long long)m, (long long)k);
    CHECK(same(packed[0], packed[1], bytes) && same(packed[0], packed[2], bytes), "packed differ: %lld x %lld", (long long)m, (long long)k);
    for (int i = 1; i < 4; i++) {
        CHECK(same(&gamma[0], &gamma[i], 4) || (isnan(gamma[0]) && isnan(gamma[i])), "gamma %g, %g", (double)gamma[0], (double)gamma[i]);
    }
    CHECK(isnan(gamma[0]) == (!isfinite(bad) && m * k > 0), "gamma %g", (double)gamma[0]);
    float inverse = 1.0f / gamma[0];
    for (int64_t i = 0; i < m * k; i++) {
        float expected = fmaxf(-1, fminf(1, rintf(w[i] * inverse)));
        int8_t code = isnan(gamma[0]) ? 0 : (int8_t)expected;
        if (!CHECK(codes[0][i] == code, "code %d of %g / %g", codes[0][i], (double)w[i], (double)gamma[0]) ||
            !CHECK(isnan(gamma[0]) || expanded[i] == gamma[0] * (float)code, "expanded %g", (double)expanded[i])) {
            break;
        }
    }
    guarded_free_all();
}

static void rows(rng *r, int64_t n, int64_t k, float bad) {
    int64_t kp = setun_ternary_padded_k(k), ldx = k + rng_below(r, 3);
    float *x = guarded((n > 0 ? (n - 1) * ldx + k : 0) * 4, any_slack(r, 4));
    for (int64_t t = 0; t < n; t++) {
        fill_floats(r, x + t * ldx, k);
    }
    if (!isfinite(bad) && n > 0 && k > 0) {
        x[(n - 1) * ldx + rng_below(r, k)] = bad;
    }
    int8_t *q[2];
    float *step[2], *y = guarded(n * k * 4, 0);
    int32_t *sum[2];
    for (int i = 0; i < 2; i++) {
        q[i] = guarded(n * kp, i * any_slack(r, 1));
        step[i] = guarded(n * 4, 0);
        sum[i] = guarded(n * 4, 0);
        setun_quantize_rows_args args = {sizeof args, x, n, k, ldx, q[i], kp, step[i], sum[i]};
        setun_context *context = i == 0 ? portable : tier;
        CHECK(setun_quantize_rows(context, &args) == SETUN_OK, "%s", setun_context_message(context));
    }
    CHECK(same(q[0], q[1], n * kp) && same(sum[0], sum[1], n * 4), "rows differ: %lld x %lld", (long long)n, (long long)k);
    CHECK(setun_dequantize_rows(tier, q[1], step[1], n, k, y) == SETUN_OK, "%s", setun_context_message(tier));
    for (int64_t t = 0; t < n; t++) {
        bool is_bad = !isfinite(bad) && k > 0 && t == n - 1;
        CHECK(isnan(step[1][t]) == is_bad && (is_bad || same(&step[0][t], &step[1][t], 4)), "step %g", (double)step[1][t]);
        int32_t total = 0;
        for (int64_t i = 0; i < kp; i++) {
            total += q[1][t * kp + i];
            if (i >= k || is_bad) {
                CHECK(q[1][t * kp + i] == 0, "padding, or a bad row, is not 0");
            } else if (!CHECK(fabsf(y[t * k + i] - x[t * ldx + i]) <= 0.51f * step[1][t], "q is not the nearest code")) {
                break;
            }
        }
        CHECK(total == sum[1][t], "sum %d, expected %d", sum[1][t], total);
    }
    guarded_free_all();
}

/* Random packed weights, quantized rows, and all that setun_ternary_gemm takes. */
struct product {
    int64_t m, k, n, ldy;
    uint8_t *w;
    int8_t *q;
    float *x, *step, *bias, *residual, gamma;
    int32_t *sum;
};

static struct product product_of(rng *r, int64_t m, int64_t k, int64_t n) {
    int64_t kp = setun_ternary_padded_k(k), bytes = setun_ternary_packed_bytes(m, k);
    struct product p = {.m = m, .k = k, .n = n, .ldy = m + rng_below(r, 3), .gamma = 0.37f};
    p.w = guarded(bytes, any_slack(r, 1));
    int8_t *codes = guarded(m * k, 0);
    for (int64_t i = 0; i < m * k; i++) {
        codes[i] = (int8_t)(rng_below(r, 3) - 1);
    }
    p.x = guarded(n * k * 4, any_slack(r, 4));
    fill_floats(r, p.x, n * k);
    p.q = guarded(n * kp, any_slack(r, 1));
    p.step = guarded(n * 4, 0);
    p.sum = guarded(n * 4, 0);
    p.bias = guarded(m * 4, 0);
    p.residual = guarded(n * p.ldy * 4, 0);
    fill_floats(r, p.bias, m);
    fill_floats(r, p.residual, n * p.ldy);
    setun_quantize_rows_args args = {sizeof args, p.x, n, k, k, p.q, kp, p.step, p.sum};
    CHECK(setun_ternary_pack(portable, codes, m, k, p.w) == SETUN_OK, "%s", setun_context_message(portable));
    CHECK(setun_quantize_rows(portable, &args) == SETUN_OK, "%s", setun_context_message(portable));
    return p;
}

static void multiply(setun_context *context, const struct product *p, bool extras, float *y, int32_t *acc) {
    setun_ternary_gemm_args args = {.size = sizeof args,
                                    .w = p->w,
                                    .m = p->m,
                                    .k = p->k,
                                    .gamma = &p->gamma,
                                    .q = p->q,
                                    .n = p->n,
                                    .ldq = setun_ternary_padded_k(p->k),
                                    .step = p->step,
                                    .sum = p->sum,
                                    .bias = extras ? p->bias : NULL,
                                    .residual = extras ? p->residual : NULL,
                                    .y = y,
                                    .ldy = p->ldy,
                                    .acc = acc,
                                    .activation = extras ? (setun_activation)(p->m % 3) : SETUN_ACTIVATION_NONE};
    CHECK(setun_ternary_gemm(context, &args) == SETUN_OK, "%s", setun_context_message(context));
}

static void products(rng *r, int64_t m, int64_t k, int64_t n) {
    struct product p = product_of(r, m, k, n);
    int64_t y_bytes = n * p.ldy * 4, acc_bytes = n * m * 4;
    float *y[2] = {guarded(y_bytes, 0), guarded(y_bytes, 0)};
    int32_t *acc[2] = {guarded(acc_bytes, 0), guarded(acc_bytes, 0)};
    for (int extras = 0; extras < 2; extras++) {
        multiply(portable, &p, extras, y[0], acc[0]);
        multiply(tier, &p, extras, y[1], acc[1]);
        CHECK(same(acc[0], acc[1], acc_bytes), "dot products differ: %lld x %lld x %lld", (long long)m, (long long)k, (long long)n);
        CHECK(same(y[0], y[1], y_bytes), "results differ: %lld x %lld x %lld", (long long)m, (long long)k, (long long)n);
    }
    memcpy(y[1], p.residual, (size_t)y_bytes); /* the residual is y itself */
    struct product in_place = p;
    in_place.residual = y[1];
    multiply(tier, &in_place, true, y[1], NULL);
    for (int64_t t = 0; t < n; t++) {
        CHECK(same(y[0] + t * p.ldy, y[1] + t * p.ldy, m * 4), "residual in place differs");
    }

    int8_t *codes = guarded(m * k, 0);
    CHECK(setun_ternary_unpack(portable, p.w, m, k, codes) == SETUN_OK, "%s", setun_context_message(portable));
    setun_ternary_gemm_f32_args args = {sizeof args, p.w, m, k, &p.gamma, p.x, n, k, p.bias, y[0], p.ldy};
    CHECK(setun_ternary_gemm_f32(tier, &args) == SETUN_OK, "%s", setun_context_message(tier));
    for (int64_t t = 0; t < n; t++) {
        for (int64_t o = 0; o < m; o++) {
            double dot = 0, size = 0;
            int32_t exact = 0;
            for (int64_t i = 0; i < k; i++) {
                dot += (double)p.x[t * k + i] * codes[o * k + i];
                size += fabs((double)p.x[t * k + i]);
                exact += p.q[t * setun_ternary_padded_k(k) + i] * codes[o * k + i];
            }
            CHECK(acc[1][t * m + o] == exact, "dot product %d, expected %d", acc[1][t * m + o], exact);
            double bound = (double)(k + 2) * 0x1p-24 * p.gamma * size + 0x1p-23 * fabs((double)p.bias[o]);
            CHECK(fabs(y[0][t * p.ldy + o] - (p.gamma * dot + p.bias[o])) <= bound, "fp32 product off by %g, bound %g",
                  fabs(y[0][t * p.ldy + o] - (p.gamma * dot + p.bias[o])), bound);
        }
    }
    guarded_free_all();
}

/* More chunks than threads in every grid: the same bits with any number of threads. */
static void thread_counts(void) {
    rng r = {11};
    int64_t m = 333, k = 700, shapes[] = {1, 5, 200};
    for (int i = 0; i < 3; i++) {
        struct product p = product_of(&r, m, k, shapes[i]);
        int64_t bytes = p.n * p.ldy * 4;
        float *w = guarded(m * k * 4, 0), gamma[4], *y[4], *y_f32[4];
        fill_floats(&r, w, m * k);
        uint8_t *packed[4];
        for (int threads = 0; threads < 4; threads++) {
            setun_context *context = context_of(threads, -1);
            y[threads] = guarded(bytes, 0);
            y_f32[threads] = guarded(bytes, 0);
            packed[threads] = guarded(setun_ternary_packed_bytes(m, k), 0);
            for (int repeat = 0; repeat < 5; repeat++) {
                multiply(context, &p, true, y[threads], NULL);
            }
            setun_ternary_gemm_f32_args args = {sizeof args, p.w, m, k, &p.gamma, p.x, p.n, k, NULL, y_f32[threads], p.ldy};
            CHECK(setun_ternary_gemm_f32(context, &args) == SETUN_OK, "%s", setun_context_message(context));
            CHECK(setun_ternary_quantize_pack(context, w, m, k, packed[threads], &gamma[threads]) == SETUN_OK, "%s",
                  setun_context_message(context));
            CHECK(same(y[0], y[threads], bytes) && same(y_f32[0], y_f32[threads], bytes), "%d threads give other bits", threads);
            CHECK(same(&gamma[0], &gamma[threads], 4) && same(packed[0], packed[threads], setun_ternary_packed_bytes(m, k)),
                  "%d threads quantize differently", threads);
            setun_context_destroy(context);
        }
        guarded_free_all();
    }
}

/* The largest sums: every code 1 and every q +-127, over a row longer than the AVX-512 GEMV's limit for one pass. */
static void long_rows(void) {
    int64_t k = (1 << 22) + 512;
    int8_t *codes = guarded(k, 0), *q = guarded(2 * k, 0);
    uint8_t *packed = guarded(setun_ternary_packed_bytes(1, k), 0);
    memset(codes, 1, (size_t)k);
    memset(q, 127, (size_t)k);
    memset(q + k, -127, (size_t)k);
    CHECK(setun_ternary_pack(tier, codes, 1, k, packed) == SETUN_OK, "%s", setun_context_message(tier));
    int32_t sums[2] = {(int32_t)(127 * k), (int32_t)(-127 * k)}, acc[2] = {0, 0};
    setun_ternary_gemm_args args = {.size = sizeof args, .w = packed, .m = 1, .k = k, .q = q, .n = 2, .ldq = k, .sum = sums, .acc = acc};
    CHECK(setun_ternary_gemm(tier, &args) == SETUN_OK, "%s", setun_context_message(tier));
    CHECK(acc[0] == 127 * k && acc[1] == -127 * k, "%d %d", acc[0], acc[1]);
    args.n = 1;
    acc[0] = 0;
    CHECK(setun_ternary_gemm(tier, &args) == SETUN_OK && acc[0] == 127 * k, "%d", acc[0]);
    args.k = args.ldq = 1 << 22;
    sums[0] = 127 << 22;
    CHECK(setun_ternary_gemm(tier, &args) == SETUN_OK && acc[0] == 127 << 22, "%d", acc[0]);
    guarded_free_all();
}

static void refusals(void) {
    float x[4] = {0}, gamma = -7, y[4] = {0};
    int8_t codes[4] = {0, 1, 2, 0};
    uint8_t packed[256];
    CHECK(setun_ternary_pack(tier, codes, 1, 4, packed) == SETUN_INVALID_ARGUMENT, "code 2");
    CHECK(strstr(setun_context_message(tier), "codes[2] = 2") != NULL, "%s", setun_context_message(tier));
    CHECK(setun_ternary_quantize(tier, x, -1, 4, codes, &gamma) == SETUN_INVALID_ARGUMENT, "m = -1");
    CHECK(setun_ternary_quantize(tier, x, INT64_MAX / 2, 4, codes, &gamma) == SETUN_INVALID_ARGUMENT, "overflow");
    CHECK(setun_ternary_quantize(tier, x, 1, INT64_MAX, codes, &gamma) == SETUN_INVALID_ARGUMENT, "overflow");
    CHECK(setun_ternary_quantize(tier, NULL, 1, 4, codes, &gamma) == SETUN_INVALID_ARGUMENT, "NULL");
    CHECK(setun_ternary_quantize(tier, x, 1, 4, NULL, &gamma) == SETUN_INVALID_ARGUMENT && gamma == -7, "NULL, gamma %g", (double)gamma);
    CHECK(setun_ternary_packed_bytes(-1, 4) == -1 && setun_ternary_packed_bytes(INT64_MAX, 1024) == -1, "sizes");
    setun_ternary_gemm_args args = {.size = sizeof args, .w = packed, .m = 1, .k = 4, .gamma = &gamma, .q = codes, .n = 1, .ldq = 255};
    args.y = y;
    args.ldy = 1;
    CHECK(setun_ternary_gemm(tier, &args) == SETUN_INVALID_ARGUMENT, "ldq");
    CHECK(strstr(setun_context_message(tier), "ldq = 255 must be >= 256") != NULL, "%s", setun_context_message(tier));
    args.ldq = 256;
    args.activation = 3;
    CHECK(setun_ternary_gemm(tier, &args) == SETUN_INVALID_ARGUMENT, "activation");
    CHECK(strstr(setun_context_message(tier), "activation = 3 must be in 0..2") != NULL, "%s", setun_context_message(tier));
    args.activation = SETUN_ACTIVATION_NONE;
    args.k = 16000001;
    CHECK(setun_ternary_gemm(tier, &args) == SETUN_INVALID_ARGUMENT, "k");
    args.size = 8;
    CHECK(setun_ternary_gemm(tier, &args) == SETUN_INVALID_ARGUMENT, "size");
    CHECK(setun_ternary_gemm(NULL, &args) == SETUN_INVALID_ARGUMENT, "no context");
}

void ternary_tests(void) {
    portable = context_of(1, SETUN_ISA_PORTABLE);
    tier = context_of(2, -1);
    rng r = {2024};
    for (int i = 0; i < LENGTH_COUNT; i++) {
        int64_t k = LENGTHS[i];
        weights(&r, 1 + rng_below(&r, 5), k, 0);
        weights(&r, 1 + rng_below(&r, 3), k, i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY);
        rows(&r, 1 + rng_below(&r, 4), k, 0);
        rows(&r, 1 + rng_below(&r, 3), k, i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY);
        for (int64_t n = 1; n <= 7; n++) {
            products(&r, 1 + rng_below(&r, 9), k, n);
        }
    }
    static const int64_t TILES[] = {0, 1, 3, 4, 5, 16, 31, 33, 64, 65};
    for (int i = 0; i < 10; i++) {
        products(&r, TILES[i], LENGTHS[rng_below(&r, 17)], TILES[rng_below(&r, 10)]);
        products(&r, TILES[rng_below(&r, 10)], LENGTHS[rng_below(&r, 17)], TILES[i]);
    }
    products(&r, 70, 260, 200);
    weights(&r, 37, 4099, 0);
    thread_counts();
    long_rows();
    refusals();
    setun_context_destroy(portable);
    setun_context_destroy(tier);
}
