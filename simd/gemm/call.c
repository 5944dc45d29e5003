#include "simd/gemm/call.h"

#include "simd/common/check.h"

/* Without products: C = beta * C + bias. */
static void scale_rows(const gemm_call *args) {
    for (int64_t i = 0; i < args->m; i++) {
        float *c = args->c + i * args->ldc;
        for (int64_t j = 0; j < args->n; j++) {
            float kept = args->beta == 0.0f ? 0.0f : args->beta * c[j];
            c[j] = args->bias == NULL ? kept : kept + args->bias[j];
        }
    }
}

setun_status gemm_check(setun_context *context, const gemm_call *args, bool *done) {
    *done = true;
    SETUN_REQUIRE(context, args->trans_a == 0 || args->trans_a == 1, "trans_a = %d must be 0 or 1", args->trans_a);
    SETUN_REQUIRE(context, args->trans_b == 0 || args->trans_b == 1, "trans_b = %d must be 0 or 1", args->trans_b);
    SETUN_REQUIRE_AT_LEAST(context, args->m, 0);
    SETUN_REQUIRE_AT_LEAST(context, args->n, 0);
    SETUN_REQUIRE_AT_LEAST(context, args->k, 0);
    int64_t rows_a = args->trans_a ? args->k : args->m, row_a = args->trans_a ? args->m : args->k;
    int64_t rows_b = args->trans_b ? args->n : args->k, row_b = args->trans_b ? args->k : args->n;
    SETUN_REQUIRE_AT_LEAST(context, args->lda, row_a);
    SETUN_REQUIRE_AT_LEAST(context, args->ldb, row_b);
    SETUN_REQUIRE_AT_LEAST(context, args->ldc, args->n);
    int64_t values_a, values_b, values_c;
    SETUN_REQUIRE_SHAPE(context, rows_a, args->lda, &values_a);
    SETUN_REQUIRE_SHAPE(context, rows_b, args->ldb, &values_b);
    SETUN_REQUIRE_SHAPE(context, args->m, args->ldc, &values_c);
    if (args->m == 0 || args->n == 0) {
        return SETUN_OK;
    }
    SETUN_REQUIRE_DATA(context, args->c, values_c);
    if (args->k == 0 || args->alpha == 0.0f) {
        scale_rows(args);
        return SETUN_OK;
    }
    SETUN_REQUIRE_DATA(context, args->a, values_a);
    SETUN_REQUIRE_DATA(context, args->b, values_b);
    *done = false;
    return SETUN_OK;
}
