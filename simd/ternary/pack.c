/* Between codes and the packed layout. */
#include <string.h>

#include "check.h"

enum { VALUES_PER_TASK = 1 << 16 };

struct pack_job {
    const int8_t *codes;
    int8_t *codes_out;
    const uint8_t *packed;
    uint8_t *packed_out;
    float gamma, *out;
    int64_t m, k, rows, rows_per_task; /* rows: m, or with the padding of the last group */
    void (*block)(const struct pack_job *job, int64_t value, int64_t byte, int64_t count);
};

/* Values value .. value + count - 1 of the matrix are the block at `byte`; a row of padding has none. */
static void pack_block(const struct pack_job *job, int64_t value, int64_t byte, int64_t count) {
    int8_t codes[TERNARY_BLOCK] = {0};
    if (count > 0) {
        memcpy(codes, job->codes + value, (size_t)count);
    }
    ternary_pack_block(codes, job->packed_out + byte);
}

static void unpack_block(const struct pack_job *job, int64_t value, int64_t byte, int64_t count) {
    int8_t codes[TERNARY_BLOCK];
    ternary_unpack_block(job->packed + byte, codes);
    memcpy(job->codes_out + value, codes, (size_t)count);
}

static void expand_block(const struct pack_job *job, int64_t value, int64_t byte, int64_t count) {
    int8_t codes[TERNARY_BLOCK];
    ternary_unpack_block(job->packed + byte, codes);
    for (int64_t i = 0; i < count; i++) {
        job->out[value + i] = job->gamma * (float)codes[i];
    }
}

static void rows_task(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const struct pack_job *job = arg;
    int64_t kp = ternary_padded(job->k);
    for (int64_t row = task * job->rows_per_task; row < setun_min_i64((task + 1) * job->rows_per_task, job->rows); row++) {
        for (int64_t start = 0; start < job->k; start += TERNARY_BLOCK) {
            int64_t count = row < job->m ? setun_min_i64(job->k - start, TERNARY_BLOCK) : 0;
            job->block(job, row * job->k + start, ternary_row(kp, row) + start / TERNARY_BLOCK * TERNARY_STEP, count);
        }
    }
}

static setun_status run(setun_context *context, struct pack_job *job) {
    if (job->k > 0) {
        job->rows_per_task = setun_round_up(setun_ceil_div(VALUES_PER_TASK, job->k), TERNARY_GROUP);
        job->rows = job->packed_out == NULL ? job->m : ternary_padded_rows(job->m);
        setun_parallel(context, (job->rows + job->rows_per_task - 1) / job->rows_per_task, rows_task, job);
    }
    return SETUN_OK;
}

static setun_status pack(setun_context *context, const int8_t *codes, int64_t m, int64_t k, uint8_t *packed) {
    TERNARY_TRY(ternary_check_shape(context, m, k));
    SETUN_REQUIRE_DATA(context, codes, m * k);
    SETUN_REQUIRE_DATA(context, packed, m * k);
    TERNARY_TRY(ternary_check_codes(context, codes, m * k));
    return run(context, &(struct pack_job){.codes = codes, .packed_out = packed, .m = m, .k = k, .block = pack_block});
}

static setun_status unpack(setun_context *context, const uint8_t *packed, int64_t m, int64_t k, int8_t *codes) {
    TERNARY_TRY(ternary_check_shape(context, m, k));
    SETUN_REQUIRE_DATA(context, packed, m * k);
    SETUN_REQUIRE_DATA(context, codes, m * k);
    return run(context, &(struct pack_job){.codes_out = codes, .packed = packed, .m = m, .k = k, .block = unpack_block});
}

static setun_status expand(setun_context *context, const uint8_t *packed, int64_t m, int64_t k, const float *gamma, float *out) {
    TERNARY_TRY(ternary_check_shape(context, m, k));
    SETUN_REQUIRE_DATA(context, packed, m * k);
    SETUN_REQUIRE_DATA(context, gamma, 1);
    SETUN_REQUIRE_DATA(context, out, m * k);
    return run(context, &(struct pack_job){.packed = packed, .gamma = *gamma, .out = out, .m = m, .k = k, .block = expand_block});
}

setun_status setun_ternary_pack(setun_context *context, const int8_t *codes, int64_t m, int64_t k, uint8_t *packed) {
    SETUN_CALL(context, pack(context, codes, m, k, packed));
}

setun_status setun_ternary_unpack(setun_context *context, const uint8_t *packed, int64_t m, int64_t k, int8_t *codes) {
    SETUN_CALL(context, unpack(context, packed, m, k, codes));
}

setun_status setun_ternary_expand(setun_context *context, const uint8_t *packed, int64_t m, int64_t k, const float *gamma,
                                  float *out) {
    SETUN_CALL(context, expand(context, packed, m, k, gamma, out));
}

int64_t setun_ternary_padded_k(int64_t k) { return k < 0 || k > INT64_MAX - TERNARY_BLOCK ? -1 : ternary_padded(k); }

int64_t setun_ternary_packed_bytes(int64_t m, int64_t k) {
    int64_t values;
    if (setun_ternary_padded_k(k) < 0 || m > INT64_MAX - TERNARY_GROUP) {
        return -1;
    }
    return setun_mul_i64(m < 0 ? m : ternary_padded_rows(m) / 4, ternary_padded(k), &values) ? values : -1;
}
