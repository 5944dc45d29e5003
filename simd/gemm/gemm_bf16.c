/* setun_gemm_bf16: checks; bf16.c multiplies. */
#include "setun/gemm.h"

#include "simd/common/check.h"
#include "simd/gemm/packed.h"
#include "simd/gemm/call.h"

static setun_status gemm_bf16(setun_context *context, const setun_gemm_bf16_args *args) {
    SETUN_REQUIRE_ARGS(context, args);
    SETUN_REQUIRE(context, args->type_a >= SETUN_F32 && args->type_a <= SETUN_I8, "type_a = %d must be in 0..2", args->type_a);
    SETUN_REQUIRE(context, args->type_b >= SETUN_F32 && args->type_b <= SETUN_I8, "type_b = %d must be in 0..2", args->type_b);
    SETUN_REQUIRE(context, args->step == NULL || args->type_a != SETUN_I8 || args->type_b != SETUN_I8,
                  "step is given but a and b are int8: it must be NULL, or one of them fp32 or bf16");
    const gemm_call call = {args->trans_a, args->trans_b, args->m, args->n,   args->k,     args->a,    args->lda,
                            args->b,       args->ldb,     args->c, args->ldc, args->alpha, args->beta, args->bias};
    bool done;
    setun_status checked = gemm_check(context, &call, &done);
    if (checked != SETUN_OK || done) {
        return checked;
    }
    bool step_in_b = args->type_a == SETUN_I8;
    packed_product product = {.m = args->m,
                            .n = args->n,
                            .k = args->k,
                            .alpha = args->alpha,
                            .beta = args->beta,
                            .a = {args->type_a, !args->trans_a, {args->a, args->lda, step_in_b ? NULL : args->step}},
                            .b = {args->type_b, args->trans_b, {args->b, args->ldb, step_in_b ? args->step : NULL}},
                            .bias = args->bias,
                            .c = args->c,
                            .ldc = args->ldc};
    return packed_multiply(context, setun_bf16_select(setun_context_isa(context)), &product);
}

setun_status setun_gemm_bf16(setun_context *context, const setun_gemm_bf16_args *args) { SETUN_CALL(context, gemm_bf16(context, args)); }
