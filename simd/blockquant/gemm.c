/* setun_block_gemm: one column goes through the weights as they lie; more columns share tiles of one byte per code. */
#include <inttypes.h>

#include "check.h"

enum {
    GEMV_CHUNK_BYTES = 1 << 16, /* of records: large against the hand-out, small against a matrix */
    CHUNK_COLS = 256,           /* their codes of a block stay in L2 while the panels of a chunk go by */
    CHUNK_GROUPS = 8,           /* of rows; their results stay there, too */
    FEW_COLS = 8,               /* up to which a chunk is one panel, whose records are read in order */
    PANEL_ROWS = BLOCK_PANEL_GROUPS * BLOCK_ROWS
};

struct job {
    const block_kernels *kernels;
    const setun_block_gemm_args *args;
    int64_t blocks, record_bytes, chunk_groups, row_chunks, chunk_cols;
    block_side *side; /* of the only column, or per worker */
    char *scratch;
    size_t worker_bytes;
};

static block_rows rows_of(const struct job *job, int64_t group, int64_t groups) {
    const uint8_t *w = job->args->w;
    return (block_rows){w, w + BLOCK_PARAMETERS + group * job->blocks * job->record_bytes, job->blocks, groups};
}

/* total[0 .. rows) to row .. of column t. */
static void finish(const struct job *job, const float *total, int64_t row, int64_t rows, int64_t t) {
    const setun_block_gemm_args *a = job->args;
    float *y = a->y + t * a->ldy + row;
    const float *residual = a->residual == NULL ? NULL : a->residual + t * a->ldy + row;
    for (int64_t r = 0; r < rows; r++) {
        float value = a->bias == NULL ? total[r] : total[r] + a->bias[row + r];
        y[r] = residual == NULL ? value : value + residual[r];
    }
}

static void prepare(const struct job *job, int64_t t, int64_t block, block_side *side) {
    int64_t at = t * job->blocks + block;
    job->kernels->prepare(job->args->sum + at * BLOCK_SUMS, job->args->step[at], side);
}

static void gemv_task(void *arg, int64_t chunk, int32_t worker) {
    const struct job *job = arg;
    const setun_block_gemm_args *a = job->args;
    int64_t group = chunk * job->chunk_groups, groups = setun_min_i64(job->chunk_groups, setun_ceil_div(a->m, BLOCK_ROWS) - group);
    float *total = (float *)(job->scratch + (size_t)worker * job->worker_bytes);
    block_rows rows = rows_of(job, group, groups);
    job->kernels->gemv(&rows, a->q, job->side, total);
    finish(job, total, group * BLOCK_ROWS, setun_min_i64(groups * BLOCK_ROWS, a->m - group * BLOCK_ROWS), 0);
}

static void gemm_task(void *arg, int64_t chunk, int32_t worker) {
    const struct job *job = arg;
    const setun_block_gemm_args *a = job->args;
    int64_t group = chunk % job->row_chunks * job->chunk_groups, first = chunk / job->row_chunks * job->chunk_cols;
    int64_t groups = setun_min_i64(job->chunk_groups, setun_ceil_div(a->m, BLOCK_ROWS) - group);
    int64_t cols = setun_min_i64(job->chunk_cols, a->n - first), kp = job->blocks * BLOCK_VALUES;
    char *scratch = job->scratch + (size_t)worker * job->worker_bytes;
    block_side *side = (block_side *)(scratch + BLOCK_TILE_BYTES);
    float *totals = (float *)(side + job->chunk_cols);
    int64_t panels = setun_ceil_div(groups, BLOCK_PANEL_GROUPS);
    memset(totals, 0, (size_t)(panels * cols * PANEL_ROWS) * sizeof *totals);
    for (int64_t b = 0; b < job->blocks; b++) {
        for (int64_t c = 0; c < cols; c++) {
            prepare(job, first + c, b, side + c);
        }
        for (int64_t p = 0; p < panels; p++) {
            int64_t at = p * BLOCK_PANEL_GROUPS;
            block_rows rows = rows_of(job, group + at, setun_min_i64(BLOCK_PANEL_GROUPS, groups - at));
            job->kernels->gemm(&rows, b, a->q + first * kp + b * BLOCK_VALUES, kp, side, cols, totals + p * cols * PANEL_ROWS, PANEL_ROWS,
                               scratch);
        }
    }
    for (int64_t p = 0; p < panels; p++) {
        int64_t row = group * BLOCK_ROWS + p * PANEL_ROWS;
        for (int64_t c = 0; c < cols; c++) {
            finish(job, totals + (p * cols + c) * PANEL_ROWS, row, setun_min_i64(PANEL_ROWS, a->m - row), first + c);
        }
    }
}

static setun_status check(setun_context *context, const setun_block_gemm_args *a, int *index) {
    SETUN_REQUIRE_ARGS(context, a);
    BLOCK_TRY(block_check_matrix(context, a->format, a->m, a->k, index));
    BLOCK_TRY(block_check_rows(context, "k", a->n, a->k, a->k));
    if (a->m == 0 || a->n == 0) {
        return SETUN_OK;
    }
    int64_t values;
    SETUN_REQUIRE(context, a->ldy >= a->m, "ldy = %" PRId64 " must be >= %" PRId64, a->ldy, a->m);
    SETUN_REQUIRE_SHAPE(context, a->n, a->ldy, &values);
    SETUN_REQUIRE_DATA(context, a->y, values);
    SETUN_REQUIRE_DATA(context, a->w, a->m * a->k);
    SETUN_REQUIRE_DATA(context, a->q, a->n * a->k);
    SETUN_REQUIRE_DATA(context, a->step, a->n * a->k);
    SETUN_REQUIRE_DATA(context, a->sum, a->n * a->k);
    return SETUN_OK;
}

static setun_status gemm(setun_context *context, const setun_block_gemm_args *a) {
    int index;
    BLOCK_TRY(check(context, a, &index));
    if (a->m == 0 || a->n == 0) {
        return SETUN_OK;
    }
    struct job job = {.kernels = block_table_of(context)->formats[index], .args = a, .blocks = block_count(a->k)};
    job.record_bytes = block_format_of(a->format, &index)->record_bytes;
    int64_t workers = setun_workers(context), groups = setun_ceil_div(a->m, BLOCK_ROWS);
    size_t sides = 0;
    if (a->n == 1) {
        job.chunk_groups = setun_max_i64(1, GEMV_CHUNK_BYTES / setun_max_i64(1, job.blocks * job.record_bytes));
        job.worker_bytes = (size_t)(job.chunk_groups * BLOCK_ROWS) * sizeof(float);
        sides = (size_t)job.blocks * sizeof(block_side);
    } else {
        job.chunk_cols = setun_min_i64(CHUNK_COLS, a->n);
        job.chunk_groups = a->n <= FEW_COLS ? BLOCK_PANEL_GROUPS : CHUNK_GROUPS;
        job.worker_bytes = BLOCK_TILE_BYTES + (size_t)job.chunk_cols * sizeof(block_side) +
                           (size_t)(job.chunk_groups * BLOCK_ROWS * job.chunk_cols) * sizeof(float);
    }
    job.row_chunks = setun_ceil_div(groups, job.chunk_groups);
    size_t bytes = sides + (size_t)workers * job.worker_bytes;
    char *scratch = setun_scratch(context, bytes);
    if (scratch == NULL) {
        return setun_fail(context, SETUN_OUT_OF_MEMORY, "no memory for %zu bytes of scratch", bytes);
    }
    job.side = (block_side *)scratch;
    job.scratch = scratch + sides;
    if (a->n == 1) {
        for (int64_t b = 0; b < job.blocks; b++) {
            prepare(&job, 0, b, job.side + b);
        }
        setun_parallel(context, job.row_chunks, gemv_task, &job);
    } else {
        setun_parallel(context, job.row_chunks * setun_ceil_div(a->n, job.chunk_cols), gemm_task, &job);
    }
    return SETUN_OK;
}

setun_status setun_block_gemm(setun_context *context, const setun_block_gemm_args *args) { SETUN_CALL(context, gemm(context, args)); }
