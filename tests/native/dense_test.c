/* The dense layout against the layout of planes: products, the way back to codes, bytes that stand for no codes. All operands end at
 * guard pages. */
#include <string.h>

#include "selftest.h"

static setun_context *portable, *tier;

/* Raw dot products of weights in a layout. */
static void multiply(setun_context *context, setun_ternary_layout layout, const uint8_t *w, int64_t m, int64_t k, const int8_t *q,
                     const int32_t *sum, int64_t n, int32_t *acc) {
    setun_ternary_gemm_args args = {.size = sizeof args, .w = w, .m = m, .k = k, .q = q, .n = n, .ldq = setun_ternary_padded_k(k)};
    args.sum = sum;
    args.acc = acc;
    args.layout = layout;
    CHECK(setun_ternary_gemm(context, &args) == SETUN_OK, "%s", setun_context_message(context));
}

static void compare(rng *r, int64_t m, int64_t k, int64_t n) {
    int64_t kp = setun_ternary_padded_k(k), dense_bytes = setun_ternary_dense_bytes(m, k);
    int8_t *codes = guarded(m * k, 0), *back = guarded(m * k, 0), *q = guarded(n * kp, rng_below(r, 2) * 9);
    uint8_t *planes = guarded(setun_ternary_packed_bytes(m, k), 0), *dense = guarded(dense_bytes, rng_below(r, 2) * 13);
    int32_t *expected = guarded(n * m * 4, 0), *actual = guarded(n * m * 4, 0), *sum = guarded(n * 4, 0);
    for (int64_t i = 0; i < m * k; i++) {
        codes[i] = (int8_t)(rng_below(r, 3) - 1);
    }
    for (int64_t t = 0; t < n; t++) {
        memset(q + t * kp, sum[t] = 0, (size_t)kp);
        for (int64_t i = 0; i < k; i++) {
            sum[t] += q[t * kp + i] = (int8_t)(rng_below(r, 255) - 127);
        }
    }
    CHECK(setun_ternary_pack(tier, codes, m, k, planes) == SETUN_OK, "%s", setun_context_message(tier));
    CHECK(setun_ternary_dense_pack(tier, codes, m, k, dense) == SETUN_OK, "%s", setun_context_message(tier));
    CHECK(setun_ternary_dense_unpack(tier, dense, m, k, back) == SETUN_OK, "%s", setun_context_message(tier));
    CHECK(memcmp(codes, back, (size_t)(m * k)) == 0, "codes differ: %lld x %lld", (long long)m, (long long)k);
    multiply(tier, SETUN_TERNARY_LAYOUT_PLANES, planes, m, k, q, sum, n, expected);
    multiply(tier, SETUN_TERNARY_LAYOUT_DENSE, dense, m, k, q, sum, n, actual);
    CHECK(memcmp(expected, actual, (size_t)(n * m) * 4) == 0, "products differ: %lld x %lld, n = %lld", (long long)m, (long long)k,
          (long long)n);
    /* Any bytes: no fault, and nothing that depends on the tier. */
    for (int64_t i = 0; i < dense_bytes; i++) {
        dense[i] = (uint8_t)rng_below(r, 256);
    }
    multiply(portable, SETUN_TERNARY_LAYOUT_DENSE, dense, m, k, q, sum, n, expected);
    multiply(tier, SETUN_TERNARY_LAYOUT_DENSE, dense, m, k, q, sum, n, actual);
    CHECK(memcmp(expected, actual, (size_t)(n * m) * 4) == 0, "products of any bytes: %lld x %lld, n = %lld", (long long)m, (long long)k,
          (long long)n);
    guarded_free_all();
}

/* Each index from 27 on, in each of its places, is found before anything is written. */
static void refusals(void) {
    enum { M = 13, K = 130 };
    int64_t bytes = setun_ternary_dense_bytes(M, K);
    int8_t *codes = guarded(M * K, 0), *back = guarded(M * K, 0);
    uint8_t *dense = guarded(bytes, 0);
    memset(codes, 0, M * K);
    memset(back, 7, M * K);
    CHECK(setun_ternary_dense_pack(tier, codes, M, K, dense) == SETUN_OK, "%s", setun_context_message(tier));
    for (int vector = 0; vector < 5; vector++) {
        uint8_t *at = dense + 320 * 2 + 64 * vector + 5, before = *at;
        *at = (uint8_t)((before & 0xE0) | 27);
        CHECK(setun_ternary_dense_unpack(tier, dense, M, K, back) == SETUN_INVALID_ARGUMENT, "vector %d", vector);
        CHECK(strstr(setun_context_message(tier), vector == 3 ? "rows 21 to 21" : "rows 1") != NULL, "%s", setun_context_message(tier));
        *at = before;
    }
    dense[7] |= 0xE0; /* index (1,1) = 7 + 8 * 3 */
    dense[192 + 7] |= 0x60;
    CHECK(setun_ternary_dense_unpack(tier, dense, M, K, back) == SETUN_INVALID_ARGUMENT, "split index");
    CHECK(strstr(setun_context_message(tier), "above 26 for rows 3 to 5") != NULL, "%s", setun_context_message(tier));
    for (int i = 0; i < M * K; i++) {
        CHECK(back[i] == 7, "written at %d", i);
    }
    codes[3] = 2;
    CHECK(setun_ternary_dense_pack(tier, codes, M, K, dense) == SETUN_INVALID_ARGUMENT, "code 2");
    CHECK(setun_ternary_dense_pack(tier, codes, -1, K, dense) == SETUN_INVALID_ARGUMENT, "m = -1");
    CHECK(setun_ternary_dense_pack(tier, NULL, M, K, dense) == SETUN_INVALID_ARGUMENT, "NULL");
    CHECK(setun_ternary_dense_bytes(-1, 4) == -1 && setun_ternary_dense_bytes(INT64_MAX / 2, 1024) == -1, "sizes");
    CHECK(setun_ternary_dense_bytes(2560, 2560) * 8 < 2560 * 2560 * 1.7, "1.7 bits per weight");
    setun_ternary_gemm_args args = {.size = sizeof args, .m = M, .k = K, .n = 1, .ldq = 256, .layout = 2};
    CHECK(setun_ternary_gemm(tier, &args) == SETUN_INVALID_ARGUMENT, "layout");
    CHECK(strstr(setun_context_message(tier), "layout = 2 must be") != NULL, "%s", setun_context_message(tier));
    guarded_free_all();
}

void dense_tests(void) {
    static const int64_t ROWS[] = {0, 1, 2, 3, 11, 12, 13, 24, 35, 97, 200};
    static const int64_t LENGTHS[] = {0, 1, 63, 64, 65, 127, 128, 129, 255, 256, 257, 300, 513, 640};
    static const int64_t COLUMNS[] = {1, 2, 4, 5, 7, 16, 33};
    portable = context_of(1, SETUN_ISA_PORTABLE);
    tier = context_of(2, -1);
    rng r = {1958};
    for (int i = 0; i < 11; i++) {
        for (int j = 0; j < 14; j++) {
            compare(&r, ROWS[i], LENGTHS[j], COLUMNS[(i + j) % 7]);
            compare(&r, ROWS[i], LENGTHS[j], 1);
        }
    }
    compare(&r, 14, 260, 195);           /* a last chunk of few columns */
    compare(&r, 2, (1 << 22) + 100, 1); /* beyond what the sums of a GEMV hold */
    refusals();
    setun_context_destroy(portable);
    setun_context_destroy(tier);
}
