/* setun_quantize_blocks: rows in tasks. */
#include "check.h"

enum { VALUES_PER_TASK = 1 << 14 };

struct job {
    const block_table *table;
    const setun_quantize_blocks_args *args;
    int64_t rows_per_task;
};

static void task(void *arg, int64_t index, int32_t worker) {
    (void)worker;
    const struct job *job = arg;
    const setun_quantize_blocks_args *a = job->args;
    int64_t blocks = block_count(a->k);
    for (int64_t t = index * job->rows_per_task; t < setun_min_i64((index + 1) * job->rows_per_task, a->n); t++) {
        job->table->quantize(a->x + t * a->ldx, a->k, a->q + t * blocks * BLOCK_VALUES, a->step + t * blocks, a->sum + t * blocks * BLOCK_SUMS);
    }
}

static setun_status quantize(setun_context *context, const setun_quantize_blocks_args *a) {
    SETUN_REQUIRE_ARGS(context, a);
    BLOCK_TRY(block_check_rows(context, "ldx", a->n, a->k, a->ldx));
    SETUN_REQUIRE_DATA(context, a->x, a->n * a->k);
    SETUN_REQUIRE_DATA(context, a->q, a->n * a->k);
    SETUN_REQUIRE_DATA(context, a->step, a->n * a->k);
    SETUN_REQUIRE_DATA(context, a->sum, a->n * a->k);
    if (a->k > 0) {
        struct job job = {block_table_of(context), a, setun_ceil_div(VALUES_PER_TASK, a->k)};
        setun_parallel(context, setun_ceil_div(a->n, job.rows_per_task), task, &job);
    }
    return SETUN_OK;
}

setun_status setun_quantize_blocks(setun_context *context, const setun_quantize_blocks_args *args) {
    SETUN_CALL(context, quantize(context, args));
}
