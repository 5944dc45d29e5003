/* setun_ternary_gemm: a fixed grid of rows by columns; each chunk computes its dot products into scratch and finishes them. */
#include <inttypes.h>

#include "check.h"
#include "dense.h"

enum {
    CHUNK_ROWS = 64,         /* a multiple of every tier's tile */
    DENSE_CHUNK_ROWS = 96,   /* likewise, and of the rows of a dense tile */
    CHUNK_COLS = 192,        /* likewise; many columns share one unpacking of the rows */
    FEWEST_WIDE = 16,        /* columns, from which on unpacking for many columns pays: folding sums is dear for short rows */
    LONG_ROW = 2048,         /* values, above which it pays later */
    FEWEST_WIDE_LONG = 512,
    WIDE_STRIP = 24,         /* columns of those that are finished together */
    STRIP_COLS = 16,         /* likewise; where nothing is unpacked ahead, results leave in strips, while the next one is computed */
    FEWEST_AWAITED = 8,      /* columns: results of fewer are likely in a cache */
    GEMV_CHUNK_BYTES = 32768 /* of packed weights: large against the hand-out, small against a matrix */
};

struct gemm_job {
    const ternary_kernels *kernels;
    const setun_ternary_gemm_args *args;
    int64_t kp, chunk_rows, row_chunks;
    int64_t strip_cols; /* columns that are finished together */
    char *scratch;
    size_t worker_bytes, dots_bytes;
    bool wide; /* rows are unpacked for many columns */
    float gamma;
};

/* dots [cols][rows] of rows row .. and columns col .. to acc and y. */
static void finish(const struct gemm_job *job, const int32_t *dots, int64_t row, int64_t rows, int64_t col, int64_t cols) {
    const setun_ternary_gemm_args *a = job->args;
    for (int64_t c = 0; c < cols; c++) {
        int64_t t = col + c;
        const int32_t *biased = dots + c * rows;
        if (a->acc != NULL) {
            int32_t *acc = a->acc + t * a->m + row;
            for (int64_t r = 0; r < rows; r++) {
                acc[r] = (int32_t)((uint32_t)biased[r] - (uint32_t)a->sum[t]);
            }
        }
        if (a->y != NULL) {
            int64_t at = t * a->ldy + row;
            job->kernels->rows->finish(biased, a->sum[t], job->gamma * a->step[t], a->bias == NULL ? NULL : a->bias + row,
                                       a->activation, a->residual == NULL ? NULL : a->residual + at, rows, a->y + at);
        }
    }
}

/* Asks for the lines of y that a strip will write: the stores would wait for them one after the other. */
static void await_results(const struct gemm_job *job, int64_t row, int64_t rows, int64_t col, int64_t cols) {
    const setun_ternary_gemm_args *a = job->args;
    for (int64_t c = 0; a->y != NULL && cols >= FEWEST_AWAITED && c < cols; c++) {
        float *y = a->y + (col + c) * a->ldy + row;
        for (int64_t r = 0; r < rows; r += 16) {
            __builtin_prefetch(y + r, 1);
        }
    }
}

static void gemm_task(void *arg, int64_t chunk, int32_t worker) {
    const struct gemm_job *job = arg;
    const setun_ternary_gemm_args *a = job->args;
    int64_t row = chunk % job->row_chunks * job->chunk_rows, first = chunk / job->row_chunks * CHUNK_COLS;
    int64_t rows = setun_min_i64(job->chunk_rows, a->m - row), end = setun_min_i64(first + CHUNK_COLS, a->n);
    char *scratch = job->scratch + (size_t)worker * job->worker_bytes;
    int32_t *dots = (int32_t *)scratch;
    uint8_t *panels = (uint8_t *)scratch + job->dots_bytes;
    if (job->wide) {
        job->kernels->wide->unpack(a->w + ternary_row(job->kp, row), job->kp, rows, panels);
    }
    for (int64_t col = first; col < end; col += job->strip_cols) {
        int64_t cols = setun_min_i64(job->strip_cols, end - col);
        const int8_t *q = a->q + col * a->ldq;
        await_results(job, row, rows, col, cols);
        if (job->wide) {
            job->kernels->wide->dots(panels, job->kp, rows, q, a->ldq, cols, dots);
        } else if (a->layout == SETUN_TERNARY_LAYOUT_DENSE) {
            ternary_dense_dots(job->kernels, a->w, a->k, row, rows, q, a->ldq, cols, dots, scratch + job->dots_bytes);
        } else {
            job->kernels->dots(a->w + ternary_row(job->kp, row), job->kp, rows, q, a->ldq, cols, dots, scratch + job->dots_bytes);
        }
        finish(job, dots, row, rows, col, cols);
    }
}

static setun_status check(setun_context *context, const setun_ternary_gemm_args *a) {
    SETUN_REQUIRE_ARGS(context, a);
    TERNARY_TRY(ternary_check_shape(context, a->m, a->k));
    TERNARY_TRY(ternary_check_rows(context, "ldq", a->n, a->k, a->ldq, ternary_padded(a->k)));
    TERNARY_TRY(ternary_check_rows(context, "m", a->n, a->k, a->m, 0));
    if (a->activation < SETUN_ACTIVATION_NONE || a->activation > SETUN_ACTIVATION_RELU2) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "activation = %d must be in 0..2", a->activation);
    }
    if (a->layout != SETUN_TERNARY_LAYOUT_PLANES && a->layout != SETUN_TERNARY_LAYOUT_DENSE) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "layout = %d must be 0 (planes) or 1 (dense)", a->layout);
    }
    if (a->m == 0 || a->n == 0) {
        return SETUN_OK;
    }
    if (a->y == NULL && a->acc == NULL) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "y and acc are both NULL");
    }
    if (a->y != NULL) {
        TERNARY_TRY(ternary_check_rows(context, "ldy", a->n, a->k, a->ldy, a->m));
        SETUN_REQUIRE_DATA(context, a->gamma, 1);
        SETUN_REQUIRE_DATA(context, a->step, 1);
    }
    SETUN_REQUIRE_DATA(context, a->w, a->k);
    SETUN_REQUIRE_DATA(context, a->q, a->k);
    SETUN_REQUIRE_DATA(context, a->sum, 1);
    return SETUN_OK;
}

static setun_status gemm(setun_context *context, const setun_ternary_gemm_args *a) {
    TERNARY_TRY(check(context, a));
    if (a->m == 0 || a->n == 0) {
        return SETUN_OK;
    }
    struct gemm_job job = {.kernels = ternary_kernels_of(context), .args = a, .kp = ternary_padded(a->k), .chunk_rows = CHUNK_ROWS};
    bool dense = a->layout == SETUN_TERNARY_LAYOUT_DENSE;
    if (a->n == 1 && job.kp > 0) {
        int64_t unit = dense ? 4 * DENSE_ROWS : 16 /* whole lines of y */, rows = 4 * GEMV_CHUNK_BYTES / job.kp / unit * unit;
        job.chunk_rows = rows < unit ? unit : rows > 64 * unit ? 64 * unit : rows;
    } else if (dense) {
        job.chunk_rows = DENSE_CHUNK_ROWS;
    }
    job.row_chunks = (a->m - 1) / job.chunk_rows + 1;
    job.wide = !dense && a->n >= (job.kp > LONG_ROW ? FEWEST_WIDE_LONG : FEWEST_WIDE) && job.kp > 0 && job.kernels->wide != NULL;
    job.strip_cols = job.wide ? WIDE_STRIP : dense || job.kernels->scratch_rows > 0 ? CHUNK_COLS : STRIP_COLS;
    job.gamma = a->y == NULL ? 0 : *a->gamma;
    int64_t workers = setun_workers(context);
    job.dots_bytes = (size_t)(job.chunk_rows * setun_min_i64(a->n, job.strip_cols) * 4 + 63) / 64 * 64;
    job.worker_bytes = job.dots_bytes + (a->n < TERNARY_FEWEST_TOKENS && !dense ? 0 : (size_t)(job.kernels->scratch_rows * job.kp));
    if (job.wide) {
        job.worker_bytes += (size_t)(setun_round_up(job.chunk_rows, TERNARY_WIDE_ROWS) * job.kp);
    }
    if (dense && !dense_by_column(job.kernels, a->k, setun_min_i64(a->n, CHUNK_COLS))) {
        job.worker_bytes += (size_t)dense_scratch(a->k, job.chunk_rows);
    }
    job.scratch = setun_scratch(context, (size_t)workers * job.worker_bytes);
    if (job.scratch == NULL) {
        return setun_fail(context, SETUN_OUT_OF_MEMORY, "no memory for %" PRId64 " workers of %zu bytes", workers, job.worker_bytes);
    }
    setun_parallel(context, job.row_chunks * ((a->n - 1) / CHUNK_COLS + 1), gemm_task, &job);
    return SETUN_OK;
}

setun_status setun_ternary_gemm(setun_context *context, const setun_ternary_gemm_args *args) {
    SETUN_CALL(context, gemm(context, args));
}
