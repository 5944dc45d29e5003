/* What every general matrix product is called with, whatever its elements: checked in one place. */
#ifndef SETUN_GEMM_CALL_H
#define SETUN_GEMM_CALL_H

#include <stdbool.h>

#include "runtime.h"

/* C[m][n] = alpha * op(A) op(B) + beta * C + bias; the fields are those of the public descriptors. */
typedef struct gemm_call {
    int32_t trans_a, trans_b;
    int64_t m, n, k;
    const void *a;
    int64_t lda;
    const void *b;
    int64_t ldb;
    float *c;
    int64_t ldc;
    float alpha, beta;
    const float *bias; /* [n] or NULL */
} gemm_call;

/* Checks the call. If it has nothing to multiply, C is finished here and *done is true. */
setun_status gemm_check(setun_context *context, const gemm_call *args, bool *done);

#endif
