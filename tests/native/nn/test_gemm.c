/* setun_gemm_f32 against sums in double, with and without a BLAS. */
#include "harness.h"

typedef struct shape {
    int32_t ta, tb;
    int64_t m, n, k;
    float alpha, beta;
    int64_t pad; /* leading dimensions beyond the rows */
    bool blas;
} shape;

static int blas_calls;

/* Stands for a library's cblas_sgemm: what matters here is which tiles are asked for. */
static void plain_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
                        float beta, float *c, int ldc) {
    EXPECT(order == 101 && (ta == 111 || ta == 112) && (tb == 111 || tb == 112), "enums %d %d %d", order, ta, tb);
    __atomic_add_fetch(&blas_calls, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            float sum = 0;
            for (int p = 0; p < k; p++) {
                sum += (ta == 112 ? a[p * lda + i] : a[i * lda + p]) * (tb == 112 ? b[j * ldb + p] : b[p * ldb + j]);
            }
            c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);
        }
    }
}

static void gemm_case(setun_context *context, const void *arg, float *out, bool check) {
    const shape *s = arg;
    int64_t lda = (s->ta ? s->m : s->k) + s->pad, ldb = (s->tb ? s->k : s->n) + s->pad, ldc = s->n + s->pad;
    int64_t rows_a = s->ta ? s->k : s->m, rows_b = s->tb ? s->n : s->k;
    /* the last row ends where its values end: reading on would fault */
    float *a = test_random((rows_a - 1) * lda + (s->ta ? s->m : s->k), 1, 1);
    float *b = test_random((rows_b - 1) * ldb + (s->tb ? s->k : s->n), 1, 2);
    float *start = test_random((s->m - 1) * ldc + s->n, 1, 3);
    float *c = test_copy(start, (s->m - 1) * ldc + s->n);
    if (s->beta == 0) {
        c[0] = NAN; /* must not be read */
    }
    if (s->blas) {
        void (*function)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int) = plain_sgemm;
        void *pointer;
        memcpy(&pointer, &function, sizeof pointer);
        OK(context, setun_context_set_sgemm(context, pointer));
    }
    setun_gemm_f32_args args = {sizeof args, s->ta, s->tb, s->m, s->n, s->k, s->alpha, s->beta, a, lda, b, ldb, c, ldc};
    OK(context, setun_gemm_f32(context, &args));
    for (int64_t i = 0; i < s->m; i++) {
        memcpy(out + i * s->n, c + i * ldc, (size_t)s->n * 4);
        for (int64_t j = s->n; j < ldc && i + 1 < s->m; j++) {
            EXPECT(c[i * ldc + j] == start[i * ldc + j], "wrote between rows");
        }
    }
    int64_t stride = s->m * s->n > 20000 ? 37 : 1; /* large results: a sample */
    for (int64_t at = 0; check && at < s->m * s->n; at += stride) {
        int64_t i = at / s->n, j = at % s->n;
        double sum = 0, size = 0;
        for (int64_t p = 0; p < s->k; p++) {
            double term = (double)a[s->ta ? p * lda + i : i * lda + p] * b[s->tb ? j * ldb + p : p * ldb + j];
            sum += term;
            size += fabs(term);
        }
        double old = s->beta == 0 ? 0 : s->beta * start[i * ldc + j];
        test_near("c", at, out[at], s->alpha * sum + old, (double)(s->k + 4) * UNIT * (fabs(s->alpha) * size + fabs(old)));
    }
}

static void test_shapes(void) {
    static const int64_t sides[] = {1, 2, 3, 5, 8, 13, 17, 33, 64, 100};
    for (size_t i = 0; i < 10; i++) {
        for (size_t j = 0; j < 10; j++) {
            shape s = {(int32_t)(i + j) & 1, (int32_t)(i / 2 + j) & 1, sides[i], sides[j], sides[(3 * i + 7 * j) % 10], 1, 0, 0, false};
            for (int mode = 0; mode < 4; mode++) {
                s.ta = mode & 1;
                s.tb = mode >> 1;
                s.alpha = mode == 1 ? -0.5f : 1;
                s.beta = mode == 2 ? 0.75f : mode == 3 ? 1 : 0;
                s.pad = mode == 0 ? 0 : (int64_t)i % 3;
                test_everywhere("gemm", gemm_case, &s, s.m * s.n);
            }
        }
    }
}

static void test_large(void) {
    static const shape shapes[] = {
        {0, 1, 130, 515, 790, 1, 0, 0, false},  {0, 0, 129, 260, 771, 1, 1, 3, false},  {1, 0, 300, 200, 129, 1, 1, 0, false},
        {1, 0, 67, 90, 5000, 2, 0.5f, 1, false}, {1, 1, 80, 70, 3000, 1, 0, 0, false},   {0, 1, 1, 3000, 700, 1, 0, 0, false},
        {0, 0, 3, 3001, 70, 1, 1, 0, false},    {0, 1, 12, 500, 300, 1, 0, 0, false},    {0, 0, 700, 1, 300, 1, 0, 0, false},
        {1, 0, 700, 1, 300, 1, 1, 0, false},    {0, 1, 130, 515, 190, 1, 0.5f, 0, true}, {1, 0, 90, 100, 4100, 1, 1, 0, true}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        test_everywhere("gemm", gemm_case, &shapes[i], shapes[i].m * shapes[i].n);
    }
    EXPECT(blas_calls > 0, "the BLAS was never called");
}

static void test_special_values(void) {
    setun_context_options options = {sizeof options, 1, -1};
    setun_context *context;
    OK(NULL, setun_context_create(&options, &context));
    float a[2] = {1, 2}, b[2] = {NAN, INFINITY}, c[4] = {5, 6, 7, 8};
    setun_gemm_f32_args args = {sizeof args, 0, 0, 2, 2, 1, 1, 0, a, 1, b, 2, c, 2};
    OK(context, setun_gemm_f32(context, &args));
    EXPECT(isnan(c[0]) && isinf(c[1]) && isnan(c[2]) && isinf(c[3]), "NaN and Inf must come through");
    args.k = 0;
    args.a = args.b = NULL;
    args.beta = 0.5f;
    float d[4] = {2, 4, 6, 8};
    args.c = d;
    OK(context, setun_gemm_f32(context, &args));
    EXPECT(d[0] == 1 && d[3] == 4, "k == 0 leaves beta * C");
    args.m = -1;
    EXPECT(setun_gemm_f32(context, &args) == SETUN_INVALID_ARGUMENT, "m = -1");
    EXPECT(strstr(setun_context_message(context), "m = -1 must be >= 0"), "%s", setun_context_message(context));
    args.m = INT64_MAX / 2;
    args.n = args.ldc = 8;
    EXPECT(setun_gemm_f32(context, &args) == SETUN_INVALID_ARGUMENT, "an overflowing shape");
    args.m = 2;
    args.ldb = 8;
    args.ldc = 1;
    EXPECT(setun_gemm_f32(context, &args) == SETUN_INVALID_ARGUMENT && strstr(setun_context_message(context), "ldc"), "ldc < n");
    args.ldc = 8;
    args.k = 1;
    args.ldb = 2;
    EXPECT(setun_gemm_f32(context, &args) == SETUN_INVALID_ARGUMENT, "ldb < n");
    args.ldb = 8;
    EXPECT(setun_gemm_f32(context, &args) == SETUN_INVALID_ARGUMENT && strstr(setun_context_message(context), "NULL"), "a is NULL");
    OK(NULL, setun_context_destroy(context));
}

int main(void) {
    test_shapes();
    test_large();
    test_special_values();
    return 0;
}
