/* setun_gemm_bf16 and setun_ternary_gemm_backward against sums in double of the operands that the headers define. */
#include "harness.h"

typedef struct shape {
    int32_t ta, tb, type_a, type_b;
    int64_t m, n, k;
    float alpha, beta;
    int64_t pad; /* leading dimensions beyond the rows */
    bool step, bias;
} shape;

/* Nearest bf16, ties to even; as a double. */
static double rounded(float x) {
    int exponent;
    if (x == 0 || !isfinite(x)) {
        return x;
    }
    double mantissa = frexp((double)x, &exponent); /* 8 significant bits */
    return ldexp(rint(ldexp(mantissa, 8)), exponent - 8);
}

/* `count` elements of a type whose values are the floats in x; x gets the values as stored. The buffer ends at a page's end. */
static void *stored(float *x, int64_t count, int32_t type) {
    int64_t bytes = type == SETUN_F32 ? 4 : type == SETUN_BF16 ? 2 : 1;
    char *data = (char *)test_values((count * bytes + 3) / 4) + (-(count * bytes) & 3);
    for (int64_t i = 0; i < count; i++) {
        if (type == SETUN_F32) {
            memcpy(data + 4 * i, &x[i], 4);
        } else if (type == SETUN_BF16) {
            uint32_t bits;
            x[i] = (float)rounded(x[i]);
            memcpy(&bits, &x[i], 4);
            uint16_t upper = (uint16_t)(bits >> 16);
            memcpy(data + 2 * i, &upper, 2);
        } else {
            x[i] = rintf(x[i] * 127);
            data[i] = (char)(int8_t)x[i];
        }
    }
    return data;
}

static void bf16_case(setun_context *context, const void *arg, float *out, bool check) {
    const shape *s = arg;
    int64_t rows_a = s->ta ? s->k : s->m, row_a = s->ta ? s->m : s->k, rows_b = s->tb ? s->n : s->k, row_b = s->tb ? s->k : s->n;
    int64_t lda = row_a + s->pad, ldb = row_b + s->pad, ldc = s->n + s->pad;
    float *a = test_random((rows_a - 1) * lda + row_a, 1, 1), *b = test_random((rows_b - 1) * ldb + row_b, 1, 2);
    void *data_a = stored(a, (rows_a - 1) * lda + row_a, s->type_a), *data_b = stored(b, (rows_b - 1) * ldb + row_b, s->type_b);
    float *start = test_random((s->m - 1) * ldc + s->n, 1, 3), *c = test_copy(start, (s->m - 1) * ldc + s->n);
    float *step = s->step ? test_random(s->k, 2, 4) : NULL, *bias = s->bias ? test_random(s->n, 1, 5) : NULL;
    if (s->beta == 0) {
        c[0] = NAN; /* must not be read */
    }
    setun_gemm_bf16_args args = {sizeof args, s->ta,    s->tb,  s->type_a, s->type_b, s->m, s->n, s->k, s->alpha,
                                 s->beta,     data_a,   lda,    data_b,    ldb,       step, bias, c,    ldc};
    OK(context, setun_gemm_bf16(context, &args));
    for (int64_t i = 0; i < s->m; i++) {
        memcpy(out + i * s->n, c + i * ldc, (size_t)s->n * 4);
        for (int64_t j = s->n; j < ldc && i + 1 < s->m; j++) {
            EXPECT(c[i * ldc + j] == start[i * ldc + j], "wrote between rows");
        }
    }
    int64_t stride = s->m * s->n > 5000 ? 499 : 1; /* large results: a sample */
    bool in_b = s->type_a == SETUN_I8;
    for (int64_t at = 0; check && at < s->m * s->n; at += stride) {
        int64_t i = at / s->n, j = at % s->n;
        double sum = 0, size = 0;
        for (int64_t p = 0; p < s->k; p++) {
            float left = a[s->ta ? p * lda + i : i * lda + p], right = b[s->tb ? j * ldb + p : p * ldb + j];
            float factor = step == NULL ? 1 : step[p];
            double term = rounded(in_b ? left : left * factor) * rounded(in_b ? right * factor : right);
            sum += term;
            size += fabs(term);
        }
        double old = s->beta == 0 ? 0 : s->beta * start[i * ldc + j], added = bias == NULL ? 0 : bias[j];
        test_near("c", at, out[at], s->alpha * sum + old + added,
                  (double)(s->k + 4) * UNIT * (fabs(s->alpha) * size + fabs(old) + fabs(added)));
    }
}

static void test_shapes(void) {
    static const int64_t sides[] = {1, 2, 3, 13, 14, 15, 17, 33, 64, 100};
    for (size_t i = 0; i < 10; i++) {
        for (size_t j = 0; j < 10; j++) {
            for (int mode = 0; mode < 4; mode++) {
                int32_t kind = (int32_t)(10 * i + j + (size_t)mode) % 9;
                shape s = {.ta = mode & 1,
                           .tb = mode >> 1,
                           .type_a = kind % 3,
                           .type_b = kind / 3,
                           .m = sides[i],
                           .n = sides[j],
                           .k = sides[(3 * i + 7 * j) % 10],
                           .alpha = mode == 1 ? -0.5f : 1,
                           .beta = mode == 2 ? 0.75f : mode == 3 ? 1 : 0,
                           .pad = mode == 0 ? 0 : (int64_t)i % 3,
                           .step = kind != 8 && j % 2 == 0,
                           .bias = i % 2 == 0};
                test_everywhere("gemm_bf16", bf16_case, &s, s.m * s.n);
            }
        }
    }
}

/* Several blocks of depth, several tiles and chunks of packing, and (the third) several parts. */
static void test_large(void) {
    static const shape shapes[] = {{0, 1, SETUN_F32, SETUN_F32, 300, 515, 790, 1, 0, 0, false, true},
                                   {1, 0, SETUN_F32, SETUN_I8, 129, 260, 1031, 1, 1, 3, true, false},
                                   {1, 0, SETUN_F32, SETUN_F32, 40, 1500, 5600, 2, 0.5f, 1, false, true},
                                   {1, 1, SETUN_I8, SETUN_BF16, 280, 70, 1500, 1, 0, 0, true, false},
                                   {0, 0, SETUN_BF16, SETUN_F32, 3, 3001, 513, 1, 1, 0, false, false}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        test_everywhere("gemm_bf16", bf16_case, &shapes[i], shapes[i].m * shapes[i].n);
    }
}

static void backward_case(setun_context *context, const void *arg, float *out, bool check) {
    const shape *s = arg; /* n tokens, m outputs, k inputs */
    int64_t lddy = s->m + s->pad, lddx = s->k + s->pad, bytes = setun_ternary_packed_bytes(s->m, s->k);
    float *dy = test_random((s->n - 1) * lddy + s->m, 1, 1), *start = test_random((s->n - 1) * lddx + s->k, 1, 3);
    void *data = stored(dy, (s->n - 1) * lddy + s->m, s->type_a);
    float *dx = test_copy(start, (s->n - 1) * lddx + s->k), gamma = s->alpha;
    int8_t *codes = (int8_t *)test_ids((s->m * s->k + 3) / 4, 1 << 30, 7);
    for (int64_t i = 0; i < s->m * s->k; i++) {
        codes[i] = (int8_t)((uint8_t)codes[i] % 3 - 1);
    }
    uint8_t *packed = test_values(bytes / 4);
    OK(context, setun_ternary_pack(context, codes, s->m, s->k, packed));
    setun_ternary_gemm_backward_args args = {sizeof args, packed, s->m, s->k, &gamma, s->type_a, s->beta, data, s->n, lddy, dx, lddx};
    OK(context, setun_ternary_gemm_backward(context, &args));
    for (int64_t t = 0; t < s->n; t++) {
        memcpy(out + t * s->k, dx + t * lddx, (size_t)s->k * 4);
        for (int64_t i = s->k; i < lddx && t + 1 < s->n; i++) {
            EXPECT(dx[t * lddx + i] == start[t * lddx + i], "wrote between rows");
        }
    }
    int64_t stride = s->n * s->k > 20000 ? 499 : 1;
    for (int64_t at = 0; check && at < s->n * s->k; at += stride) {
        int64_t t = at / s->k, i = at % s->k;
        double sum = 0, size = 0;
        for (int64_t o = 0; o < s->m; o++) {
            sum += rounded(dy[t * lddy + o]) * codes[o * s->k + i];
            size += fabs(rounded(dy[t * lddy + o]));
        }
        double old = s->beta == 0 ? 0 : s->beta * start[t * lddx + i];
        test_near("dx", at, out[at], gamma * sum + old, (double)(s->m + 4) * UNIT * (gamma * size + fabs(old)));
    }
}

static void test_backward(void) {
    static const int64_t sides[] = {1, 2, 15, 31, 33, 63, 65, 100, 255, 257};
    for (size_t i = 0; i < 10; i++) {
        for (size_t j = 0; j < 10; j++) {
            shape s = {.type_a = (int32_t)(i + j) % 2,
                       .m = sides[i],
                       .n = sides[(i + 3 * j) % 7],
                       .k = sides[j],
                       .alpha = 0.37f,
                       .beta = j % 3 == 0 ? 0 : 1,
                       .pad = (int64_t)j % 2};
            test_everywhere("ternary_gemm_backward", backward_case, &s, s.n * s.k);
        }
    }
    shape large = {.m = 1100, .n = 150, .k = 1300, .alpha = 2, .beta = 0.5f, .pad = 3};
    test_everywhere("ternary_gemm_backward", backward_case, &large, large.n * large.k);
}

static void test_special_values(void) {
    setun_context_options options = {sizeof options, 1, -1};
    setun_context *context;
    OK(NULL, setun_context_create(&options, &context));
    float a[2] = {1, 2}, b[2] = {NAN, 3.4e38f}, c[4] = {5, 6, 7, 8}, step[1] = {1}, bias[2] = {10, 20};
    setun_gemm_bf16_args args = {sizeof args, 0, 0, SETUN_F32, SETUN_F32, 2, 2, 1, 1, 0, a, 1, b, 2, step, bias, c, 2};
    OK(context, setun_gemm_bf16(context, &args));
    EXPECT(isnan(c[0]) && isinf(c[1]) && isnan(c[2]) && isinf(c[3]), "NaN comes through, and what rounds to infinity");
    args.k = 0;
    args.a = args.b = NULL;
    args.beta = 0.5f;
    float d[4] = {2, 4, 6, 8};
    args.c = d;
    OK(context, setun_gemm_bf16(context, &args));
    EXPECT(d[0] == 11 && d[3] == 24, "k == 0 leaves beta * C + bias");
    args.m = -1;
    EXPECT(setun_gemm_bf16(context, &args) == SETUN_INVALID_ARGUMENT, "m = -1");
    EXPECT(strstr(setun_context_message(context), "m = -1 must be >= 0"), "%s", setun_context_message(context));
    args.m = 2;
    args.type_b = 3;
    EXPECT(setun_gemm_bf16(context, &args) == SETUN_INVALID_ARGUMENT && strstr(setun_context_message(context), "type_b"), "type_b = 3");
    args.type_a = args.type_b = SETUN_I8;
    EXPECT(setun_gemm_bf16(context, &args) == SETUN_INVALID_ARGUMENT && strstr(setun_context_message(context), "step"), "int8 with step");
    args.type_a = SETUN_F32;
    args.ldc = 1;
    EXPECT(setun_gemm_bf16(context, &args) == SETUN_INVALID_ARGUMENT && strstr(setun_context_message(context), "ldc"), "ldc < n");
    args.ldc = 2;
    args.k = 1;
    EXPECT(setun_gemm_bf16(context, &args) == SETUN_INVALID_ARGUMENT && strstr(setun_context_message(context), "NULL"), "a is NULL");
    setun_ternary_gemm_backward_args back = {sizeof back, NULL, 0, 2, NULL, SETUN_F32, 0.5f, NULL, 1, 0, d, 2};
    OK(context, setun_ternary_gemm_backward(context, &back));
    EXPECT(d[0] == 5.5f && d[1] == 11, "no outputs leave beta * dx");
    back.type_dy = SETUN_I8;
    EXPECT(setun_ternary_gemm_backward(context, &back) == SETUN_INVALID_ARGUMENT, "dy of int8");
    OK(NULL, setun_context_destroy(context));
}

int main(void) {
    test_shapes();
    test_large();
    test_backward();
    test_special_values();
    return 0;
}
