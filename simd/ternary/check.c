#include "check.h"

#include <inttypes.h>
#include <stdatomic.h>

setun_status ternary_check_shape(setun_context *context, int64_t m, int64_t k) {
    int64_t values;
    if (m < 0 || k < 0) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "%c = %" PRId64 " must be >= 0", m < 0 ? 'm' : 'k', m < 0 ? m : k);
    }
    bool fits = k <= INT64_MAX - TERNARY_BLOCK && m <= INT64_MAX - TERNARY_GROUP &&
                setun_mul_i64(m + TERNARY_GROUP, ternary_padded(k), &values) && values <= INT64_MAX / 4;
    if (!fits) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "m = %" PRId64 " by k = %" PRId64 " overflows", m, k);
    }
    return SETUN_OK;
}

setun_status ternary_check_rows(setun_context *context, const char *ld_name, int64_t n, int64_t k, int64_t ld, int64_t width) {
    int64_t values;
    if (n < 0 || k < 0) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "%c = %" PRId64 " must be >= 0", n < 0 ? 'n' : 'k', n < 0 ? n : k);
    }
    if (k > TERNARY_MAX_K) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "k = %" PRId64 " must be <= %d", k, TERNARY_MAX_K);
    }
    if (ld < width) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "%s = %" PRId64 " must be >= %" PRId64, ld_name, ld, width);
    }
    if (!setun_mul_i64(n, ld, &values) || values > INT64_MAX / 4) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "n = %" PRId64 " by %s = %" PRId64 " overflows", n, ld_name, ld);
    }
    return SETUN_OK;
}

enum { CODES_PER_CHUNK = 1 << 18 };

struct codes_scan {
    const int8_t *codes;
    int64_t count;
    _Atomic int64_t first_bad;
};

static void scan_codes(void *arg, int64_t chunk, int32_t worker) {
    (void)worker;
    struct codes_scan *scan = arg;
    int64_t start = chunk * CODES_PER_CHUNK, end = start + CODES_PER_CHUNK < scan->count ? start + CODES_PER_CHUNK : scan->count;
    int bad = 0;
    for (int64_t i = start; i < end; i++) {
        bad |= (uint8_t)(scan->codes[i] + 1) > 2;
    }
    if (bad != 0) {
        while ((uint8_t)(scan->codes[start] + 1) <= 2) {
            start++;
        }
        int64_t first = atomic_load(&scan->first_bad);
        while (start < first && !atomic_compare_exchange_weak(&scan->first_bad, &first, start)) {
        }
    }
}

setun_status ternary_check_codes(setun_context *context, const int8_t *codes, int64_t count) {
    struct codes_scan scan = {.codes = codes, .count = count, .first_bad = count};
    setun_parallel(context, (count + CODES_PER_CHUNK - 1) / CODES_PER_CHUNK, scan_codes, &scan);
    int64_t bad = scan.first_bad;
    return bad == count ? SETUN_OK
                        : setun_fail(context, SETUN_INVALID_ARGUMENT, "codes[%" PRId64 "] = %d must be -1, 0 or 1", bad, codes[bad]);
}
