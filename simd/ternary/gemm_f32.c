/* setun_ternary_gemm_f32: a fixed grid of rows by columns; each chunk computes into y, then scales and adds the bias. */
#include "check.h"

enum { CHUNK_ROWS = 64, CHUNK_COLS = 64 };

struct f32_job {
    const ternary_kernels *kernels;
    const setun_ternary_gemm_f32_args *args;
    int64_t row_chunks;
    float gamma;
};

static void f32_task(void *arg, int64_t chunk, int32_t worker) {
    (void)worker;
    const struct f32_job *job = arg;
    const setun_ternary_gemm_f32_args *a = job->args;
    int64_t row = chunk % job->row_chunks * CHUNK_ROWS, col = chunk / job->row_chunks * CHUNK_COLS;
    int64_t rows = setun_min_i64(CHUNK_ROWS, a->m - row), cols = setun_min_i64(CHUNK_COLS, a->n - col);
    float *y = a->y + col * a->ldy + row;
    job->kernels->dots_f32(a->w + ternary_row(ternary_padded(a->k), row), a->k, rows, a->x + col * a->ldx, a->ldx, cols, y, a->ldy);
    for (int64_t c = 0; c < cols; c++, y += a->ldy) {
        for (int64_t r = 0; r < rows; r++) {
            y[r] = y[r] * job->gamma + (a->bias == NULL ? 0.0f : a->bias[row + r]);
        }
    }
}

static setun_status gemm_f32(setun_context *context, const setun_ternary_gemm_f32_args *a) {
    SETUN_REQUIRE_ARGS(context, a);
    TERNARY_TRY(ternary_check_shape(context, a->m, a->k));
    TERNARY_TRY(ternary_check_rows(context, "ldx", a->n, a->k, a->ldx, a->k));
    TERNARY_TRY(ternary_check_rows(context, "ldy", a->n, a->k, a->ldy, a->m));
    if (a->m == 0 || a->n == 0) {
        return SETUN_OK;
    }
    SETUN_REQUIRE_DATA(context, a->w, a->k);
    SETUN_REQUIRE_DATA(context, a->gamma, 1);
    SETUN_REQUIRE_DATA(context, a->x, a->k);
    SETUN_REQUIRE_DATA(context, a->y, 1);
    struct f32_job job = {.kernels = ternary_kernels_of(context), .args = a, .row_chunks = (a->m - 1) / CHUNK_ROWS + 1};
    job.gamma = *a->gamma;
    setun_parallel(context, job.row_chunks * ((a->n - 1) / CHUNK_COLS + 1), f32_task, &job);
    return SETUN_OK;
}

setun_status setun_ternary_gemm_f32(setun_context *context, const setun_ternary_gemm_f32_args *args) {
    SETUN_CALL(context, gemm_f32(context, args));
}
