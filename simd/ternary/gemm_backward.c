/* setun_ternary_gemm_backward: a bf16 product whose second operand is expanded from the packed codes, block by block, once for all rows of
 * dy. */
#include "check.h"
#include "simd/gemm/packed.h"

static setun_status gemm_backward(setun_context *context, const setun_ternary_gemm_backward_args *a) {
    SETUN_REQUIRE_ARGS(context, a);
    if (a->type_dy != SETUN_F32 && a->type_dy != SETUN_BF16) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "type_dy = %d must be 0 or 1", a->type_dy);
    }
    TERNARY_TRY(ternary_check_shape(context, a->m, a->k));
    TERNARY_TRY(ternary_check_rows(context, "lddy", a->n, a->k, a->lddy, a->m));
    TERNARY_TRY(ternary_check_rows(context, "lddx", a->n, a->k, a->lddx, a->k));
    if (a->n == 0 || a->k == 0) {
        return SETUN_OK;
    }
    SETUN_REQUIRE_DATA(context, a->dx, 1);
    if (a->m == 0) {
        for (int64_t t = 0; t < a->n; t++) {
            for (int64_t i = 0; i < a->k; i++) {
                a->dx[t * a->lddx + i] = a->beta == 0.0f ? 0.0f : a->beta * a->dx[t * a->lddx + i];
            }
        }
        return SETUN_OK;
    }
    SETUN_REQUIRE_DATA(context, a->w, 1);
    SETUN_REQUIRE_DATA(context, a->gamma, 1);
    SETUN_REQUIRE_DATA(context, a->dy, 1);
    packed_product product = {.m = a->n,
                            .n = a->k,
                            .k = a->m,
                            .alpha = *a->gamma,
                            .beta = a->beta,
                            .a = {a->type_dy, 1, {a->dy, a->lddy, NULL}},
                            .b = {BF_TERNARY, 0, {a->w, ternary_padded(a->k), NULL}},
                            .c = a->dx,
                            .ldc = a->lddx};
    return packed_multiply(context, setun_bf16_select(setun_context_isa(context)), &product);
}

setun_status setun_ternary_gemm_backward(setun_context *context, const setun_ternary_gemm_backward_args *args) {
    SETUN_CALL(context, gemm_backward(context, args));
}
