/* setun_measure_walk: one pass through memory, on all threads. */
#include "walk.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

static const measure_probes *const PROBES[] = {
#if defined(__aarch64__)
    &measure_neon_i8mm, &measure_neon_dot,
#elif defined(__x86_64__)
    &measure_amx, &measure_avx512bf16, &measure_avx512, &measure_avxvnni, &measure_avx2,
#endif
    &measure_portable};

enum { UNIT = 1024, SLICE = 1 << 18 };

struct pass {
    const measure_probes *probes;
    setun_walk walk;
    const char *from;
    char *to;
    int64_t bytes, slice;
    _Atomic uint64_t sink;
};

const measure_probes *measure_probes_of(const setun_context *context) {
    const measure_probes *const *probes = PROBES;
    while ((*probes)->isa > setun_context_isa(context)) {
        probes++;
    }
    return *probes;
}

double measure_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void pass_task(void *arg, int64_t chunk, int32_t worker) {
    (void)worker;
    struct pass *p = arg;
    int64_t at = chunk * p->slice, left = p->bytes - at, bytes = left < p->slice ? left : p->slice;
    switch (p->walk) {
    case SETUN_WALK_COPY_STREAMING:
        if (((uintptr_t)(p->from + at) | (uintptr_t)(p->to + at)) % 64 == 0) {
            p->probes->copy_streaming(p->to + at, p->from + at, bytes);
            return;
        }
        /* fall through */
    case SETUN_WALK_COPY_CACHED:
        memcpy(p->to + at, p->from + at, (size_t)bytes);
        return;
    default: {
        setun_walk read = p->walk == SETUN_WALK_READ_PIECES ? SETUN_WALK_READ_FAR : p->walk;
        atomic_fetch_xor_explicit(&p->sink, p->probes->read[read](p->from + at, bytes), memory_order_relaxed);
    }
    }
}

double measure_walk(setun_context *context, setun_walk walk, const char *from, char *to, int64_t bytes) {
    int32_t threads = setun_context_threads(context) > 0 ? setun_context_threads(context) : 1;
    int64_t most = walk == SETUN_WALK_READ_PIECES ? INT64_MAX : SLICE;
    /* Small passes, to measure caches: still two slices for each thread. */
    int64_t share = (bytes / UNIT - 1) / (walk == SETUN_WALK_READ_PIECES ? threads : 2 * threads) * UNIT + UNIT;
    struct pass pass = {.probes = measure_probes_of(context),
                        .walk = walk,
                        .from = from,
                        .to = to,
                        .bytes = bytes,
                        .slice = share < most ? share : most};
    double start = measure_now();
    setun_parallel(context, (bytes - 1) / pass.slice + 1, pass_task, &pass);
    return measure_now() - start;
}

static setun_status check_and_walk(setun_context *context, setun_walk walk, void *buffer, uint64_t bytes, double *seconds) {
    if (walk < SETUN_WALK_READ_PLAIN || walk > SETUN_WALK_COPY_STREAMING) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "walk = %d must be in 0..%d", walk, SETUN_WALK_COPY_STREAMING);
    }
    if (buffer == NULL || seconds == NULL) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "%s is NULL", buffer == NULL ? "buffer" : "seconds");
    }
    if (bytes < 8 * UNIT || bytes > INT64_MAX) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "bytes = %" PRIu64 " must be >= %d", bytes, 8 * UNIT);
    }
    int64_t length = (int64_t)(measure_copies(walk) ? bytes / 2 : bytes) / UNIT * UNIT;
    *seconds = measure_walk(context, walk, buffer, (char *)buffer + length, length);
    return SETUN_OK;
}

setun_status setun_measure_walk(setun_context *context, setun_walk walk, void *buffer, uint64_t bytes, double *seconds) {
    setun_status status = setun_enter(context);
    return status != SETUN_OK ? status : setun_leave(context, check_and_walk(context, walk, buffer, bytes, seconds));
}
