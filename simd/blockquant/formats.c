/* The formats without a tier: sizes, and packing of a file's bytes. */
#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "list.h"
#include "scales.h"

#include "e8p_2.h"
#include "e8p_3.h"
#include "e8p_4.h"
#include "pi.h"
#include "q2_k.h"
#include "q3_k.h"
#include "q4_0.h"
#include "q4_k.h"
#include "q5_k.h"
#include "q6_k.h"
#include "q8_0.h"

#define FORMAT_ROW(NAME, name) \
    {SETUN_BLOCK_##NAME, NAME##_FILE_VALUES, NAME##_FILE_BYTES, NAME##_RECORD_BYTES, name##_most_parameter, name##_parameters, name##_pack},
/* Formats without a parameter. */
#define PLAIN(F) F(q4_0) F(q8_0) F(q2_k) F(q3_k) F(q4_k) F(q5_k) F(q6_k) F(e8p_2) F(e8p_3) F(e8p_4) F(pi_q2) F(pi_q3)
#define PLAIN_PARAMETERS(name) name##_most_parameter = 0,
enum { PLAIN(PLAIN_PARAMETERS) pi_tan2_most_parameter = 0x7f7f, pi_tan3_most_parameter = 0x7f7f7f7f };
#define NO_PARAMETERS(name) \
    static void name##_parameters(int32_t parameter, uint8_t *parameters) { (void)parameter, (void)parameters; }
PLAIN(NO_PARAMETERS)

static const block_format FORMATS[] = {BLOCK_FORMATS(FORMAT_ROW)};

const block_format *block_format_of(setun_block_format id, int *index) {
    for (int i = 0; i < BLOCK_FORMAT_COUNT; i++) {
        if (FORMATS[i].id == id) {
            *index = i;
            return FORMATS + i;
        }
    }
    return NULL;
}

static bool sizes(const block_format *format, int64_t m, int64_t k, int64_t *file, int64_t *packed) {
    int64_t records;
    if (format == NULL || m < 0 || k < 0 || k > BLOCK_MAX_K || m > INT64_MAX - BLOCK_ROWS || k % format->file_values != 0) {
        return false;
    }
    return setun_mul_i64(m, k / format->file_values * format->file_bytes, file) &&
           setun_mul_i64(setun_ceil_div(m, BLOCK_ROWS), block_count(k), &records) &&
           setun_mul_i64(records, format->record_bytes, packed) && *packed <= INT64_MAX / 32;
}

int64_t setun_block_bytes(setun_block_format id, int64_t m, int64_t k) {
    int index;
    int64_t file, packed;
    return sizes(block_format_of(id, &index), m, k, &file, &packed) ? file : -1;
}

int64_t setun_block_packed_bytes(setun_block_format id, int64_t m, int64_t k) {
    int index;
    int64_t file, packed;
    return sizes(block_format_of(id, &index), m, k, &file, &packed) ? BLOCK_PARAMETERS + packed : -1;
}

setun_status block_check_matrix(setun_context *context, setun_block_format id, int64_t m, int64_t k, int *index) {
    const block_format *format = block_format_of(id, index);
    int64_t file, packed;
    SETUN_REQUIRE(context, format != NULL, "format = %d is none of the block formats", id);
    SETUN_REQUIRE(context, m >= 0, "m = %" PRId64 " must be >= 0", m);
    SETUN_REQUIRE(context, k >= 0 && k <= BLOCK_MAX_K && k % format->file_values == 0,
                  "k = %" PRId64 " must be a multiple of %d in 0 .. %d", k, format->file_values, BLOCK_MAX_K);
    SETUN_REQUIRE(context, sizes(format, m, k, &file, &packed), "m = %" PRId64 " by k = %" PRId64 " overflows", m, k);
    return SETUN_OK;
}

setun_status block_check_rows(setun_context *context, const char *ld_name, int64_t n, int64_t k, int64_t ld) {
    int64_t values;
    SETUN_REQUIRE(context, n >= 0, "n = %" PRId64 " must be >= 0", n);
    SETUN_REQUIRE(context, k >= 0 && k <= BLOCK_MAX_K, "k = %" PRId64 " must be in 0 .. %d", k, BLOCK_MAX_K);
    SETUN_REQUIRE(context, ld >= k, "%s = %" PRId64 " must be >= %" PRId64, ld_name, ld, k);
    SETUN_REQUIRE(context, setun_mul_i64(n, ld, &values) && values <= SETUN_MAX_VALUES, "n = %" PRId64 " by %s = %" PRId64 " overflows", n,
                  ld_name, ld);
    return SETUN_OK;
}

struct pack_job {
    const block_format *format;
    const setun_block_pack_args *args;
    int64_t blocks;
};

/* One group of 16 rows. */
static void pack_task(void *arg, int64_t group, int32_t worker) {
    (void)worker;
    const struct pack_job *job = arg;
    const setun_block_pack_args *a = job->args;
    const block_format *format = job->format;
    int64_t in_row = a->k / format->file_values, in_block = BLOCK_VALUES / format->file_values;
    uint8_t *record = a->packed + BLOCK_PARAMETERS + group * job->blocks * format->record_bytes;
    memset(record, 0, (size_t)(job->blocks * format->record_bytes));
    for (int64_t b = 0; b < job->blocks; b++, record += format->record_bytes) {
        for (int row = 0; row < setun_min_i64(BLOCK_ROWS, a->m - BLOCK_ROWS * group); row++) {
            int64_t first = (BLOCK_ROWS * group + row) * in_row + b * in_block;
            format->pack(a->data + first * format->file_bytes, setun_min_i64(in_block, in_row - b * in_block), row, record);
        }
    }
}

static setun_status pack(setun_context *context, const setun_block_pack_args *a) {
    SETUN_REQUIRE_ARGS(context, a);
    int index;
    BLOCK_TRY(block_check_matrix(context, a->format, a->m, a->k, &index));
    const block_format *format = FORMATS + index;
    int64_t bytes = setun_block_bytes(a->format, a->m, a->k);
    SETUN_REQUIRE(context, a->parameter >= 0 && a->parameter <= format->most_parameter, "parameter = %d must be in 0 .. %d", a->parameter,
                  format->most_parameter);
    SETUN_REQUIRE(context, a->data_bytes == bytes, "data_bytes = %" PRId64 " must be %" PRId64, a->data_bytes, bytes);
    SETUN_REQUIRE_DATA(context, a->data, bytes);
    SETUN_REQUIRE(context, a->packed != NULL, "packed is NULL: must point to %" PRId64 " bytes",
                  setun_block_packed_bytes(a->format, a->m, a->k));
    memset(a->packed, 0, BLOCK_PARAMETERS);
    format->parameters(a->parameter, a->packed);
    struct pack_job job = {format, a, block_count(a->k)};
    if (job.blocks > 0) {
        setun_parallel(context, setun_ceil_div(a->m, BLOCK_ROWS), pack_task, &job);
    }
    return SETUN_OK;
}

setun_status setun_block_pack(setun_context *context, const setun_block_pack_args *args) { SETUN_CALL(context, pack(context, args)); }
