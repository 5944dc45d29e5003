/* Between codes and the dense layout, and the products of dense weights. */
#include "dense.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "check.h"

enum { VALUES_PER_TASK = 1 << 16 };

struct dense_job {
    const int8_t *codes;
    int8_t *codes_out;
    const uint8_t *dense;
    uint8_t *dense_out;
    int64_t m, k, groups_per_task;
    void (*tile)(struct dense_job *job, int64_t row, int64_t column, int64_t byte);
    _Atomic int64_t bad; /* row of an index that stands for no codes, or -1 */
};

/* The code at (row, column), 0 beyond the matrix. */
static int code_at(const struct dense_job *job, int64_t row, int64_t column) {
    return row < job->m && column < job->k ? job->codes[row * job->k + column] : 0;
}

static void pack_tile(struct dense_job *job, int64_t row, int64_t column, int64_t byte) {
    for (int j = 0; j < DENSE_HALF; j++) {
        uint8_t index[2][4];
        for (int i = 0; i < 8; i++) {
            int64_t first = row + i % 4 * 3, at = column + i / 4 * DENSE_HALF + j;
            int low = code_at(job, first, at), middle = code_at(job, first + 1, at), high = code_at(job, first + 2, at);
            index[i / 4][i % 4] = (uint8_t)(13 + low + 3 * middle + 9 * high);
        }
        dense_put(job->dense_out + byte, j, index);
    }
}

/* The first of them, whichever thread finds it. */
static void note_bad(struct dense_job *job, int64_t row) {
    int64_t first = atomic_load(&job->bad);
    while ((first < 0 || row < first) && !atomic_compare_exchange_weak(&job->bad, &first, row)) {
    }
}

static void check_tile(struct dense_job *job, int64_t row, int64_t column, int64_t byte) {
    (void)column;
    for (int j = 0; j < DENSE_HALF; j++) {
        uint8_t index[2][4];
        dense_take(job->dense + byte, j, index);
        for (int i = 0; i < 8; i++) {
            if (index[i / 4][i % 4] >= DENSE_INDICES) {
                note_bad(job, row + i % 4 * 3);
            }
        }
    }
}

static void unpack_tile(struct dense_job *job, int64_t row, int64_t column, int64_t byte) {
    for (int j = 0; j < DENSE_HALF; j++) {
        uint8_t index[2][4];
        dense_take(job->dense + byte, j, index);
        for (int i = 0; i < 2 * DENSE_ROWS; i++) {
            int64_t r = row + i % DENSE_ROWS, at = column + i / DENSE_ROWS * DENSE_HALF + j;
            if (r < job->m && at < job->k) {
                uint8_t digits = dense_digits(index[i / DENSE_ROWS][i % DENSE_ROWS / 3]);
                job->codes_out[r * job->k + at] = (int8_t)((digits >> i % 3 * 2 & 3) - 1);
            }
        }
    }
}

static void tiles_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    struct dense_job *job = arg;
    int64_t first = task * job->groups_per_task, last = first + job->groups_per_task;
    for (int64_t group = first; group < last && group < dense_groups(job->m); group++) {
        for (int64_t tile = 0; tile < dense_tiles(job->k); tile++) {
            job->tile(job, group * DENSE_ROWS, tile * DENSE_VALUES, dense_group(job->k, group) + tile * DENSE_TILE_BYTES);
        }
    }
}

static void run(setun_context *context, struct dense_job *job, void (*tile)(struct dense_job *, int64_t, int64_t, int64_t)) {
    job->tile = tile;
    if (job->k > 0) {
        job->groups_per_task = (VALUES_PER_TASK / DENSE_ROWS - 1) / job->k + 1;
        setun_parallel(context, (dense_groups(job->m) + job->groups_per_task - 1) / job->groups_per_task, tiles_task, job);
    }
}

static setun_status check_shape(setun_context *context, int64_t m, int64_t k) {
    TERNARY_TRY(ternary_check_shape(context, m, k));
    return setun_ternary_dense_bytes(m, k) >= 0
               ? SETUN_OK
               : setun_fail(context, SETUN_INVALID_ARGUMENT, "m = %" PRId64 " by k = %" PRId64 " overflows", m, k);
}

static setun_status pack(setun_context *context, const int8_t *codes, int64_t m, int64_t k, uint8_t *dense) {
    TERNARY_TRY(check_shape(context, m, k));
    SETUN_REQUIRE_DATA(context, codes, m * k);
    SETUN_REQUIRE_DATA(context, dense, m * k);
    TERNARY_TRY(ternary_check_codes(context, codes, m * k));
    struct dense_job job = {.codes = codes, .dense_out = dense, .m = m, .k = k};
    run(context, &job, pack_tile);
    return SETUN_OK;
}

static setun_status unpack(setun_context *context, const uint8_t *dense, int64_t m, int64_t k, int8_t *codes) {
    TERNARY_TRY(check_shape(context, m, k));
    SETUN_REQUIRE_DATA(context, dense, m * k);
    SETUN_REQUIRE_DATA(context, codes, m * k);
    struct dense_job job = {.codes_out = codes, .dense = dense, .m = m, .k = k, .bad = -1};
    run(context, &job, check_tile);
    if (job.bad >= 0) {
        int64_t row = job.bad;
        return setun_fail(context, SETUN_INVALID_ARGUMENT,
                          "dense holds an index above 26 for rows %" PRId64 " to %" PRId64 ": it is not ternary", row,
                          setun_min_i64(row + 2, setun_max_i64(row, m - 1)));
    }
    run(context, &job, unpack_tile);
    return SETUN_OK;
}

setun_status setun_ternary_dense_pack(setun_context *context, const int8_t *codes, int64_t m, int64_t k, uint8_t *dense) {
    SETUN_CALL(context, pack(context, codes, m, k, dense));
}

setun_status setun_ternary_dense_unpack(setun_context *context, const uint8_t *dense, int64_t m, int64_t k, int8_t *codes) {
    SETUN_CALL(context, unpack(context, dense, m, k, codes));
}

int64_t setun_ternary_dense_bytes(int64_t m, int64_t k) {
    int64_t tiles, bytes;
    if (m < 0 || k < 0 || m > INT64_MAX - DENSE_ROWS || k > INT64_MAX - DENSE_VALUES) {
        return -1;
    }
    return setun_mul_i64(dense_groups(m), dense_tiles(k), &tiles) && setun_mul_i64(tiles, DENSE_TILE_BYTES, &bytes) ? bytes : -1;
}

void ternary_dense_dots(const ternary_kernels *kernels, const uint8_t *w, int64_t k, int64_t row, int64_t rows, const int8_t *q,
                        int64_t ldq, int64_t cols, int32_t *dots, void *scratch) {
    int64_t kp = ternary_padded(k);
    const uint8_t *tiles = w + dense_group(k, row / DENSE_ROWS);
    if (dense_by_column(kernels, k, cols)) {
        for (int64_t c = 0; c < cols; c++) {
            kernels->dense_gemv(tiles, k, rows, q + c * ldq, dots + c * rows);
        }
        return;
    }
    uint8_t *planes = (uint8_t *)scratch + kernels->scratch_rows * kp;
    kernels->dense_planes(tiles, k, rows, planes);
    kernels->dots(planes, kp, rows, q, ldq, cols, dots, scratch);
}
