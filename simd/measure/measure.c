/* setun_measure: repeats a probe for a while and keeps the best rate. */
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "measure.h"

static const measure_probes *const PROBES[] = {
#if defined(__aarch64__)
    &measure_neon_i8mm, &measure_neon_dot,
#elif defined(__x86_64__)
    &measure_amx, &measure_avx512, &measure_avxvnni, &measure_avx2,
#endif
    &measure_portable};

/* A big buffer is walked through in windows of about a millisecond, each timed by itself: the best one is then likely to be one in which no other
 * process had the core. */
enum { WINDOW = 1 << 25, SLICE = 1 << 18, CHUNKS_PER_THREAD = 8, ROUNDS = 1 << 14 };

struct measurement {
    const measure_probes *probes;
    char *buffer;
    int64_t bytes; /* all of buffer, or the half that is copied */
    int64_t window, start, end; /* of the current pass: start .. end of those bytes */
    int64_t slice;
    bool prefetched;
    _Atomic uint64_t sink;
    _Atomic int64_t multiply_adds;
};

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int64_t slice_bytes(const struct measurement *m, int64_t chunk) {
    int64_t left = m->end - m->start - chunk * m->slice;
    return left < m->slice ? left : m->slice;
}

static void read_task(void *arg, int64_t chunk, int32_t worker) {
    (void)worker;
    struct measurement *m = arg;
    uint64_t (*read)(const void *, int64_t) = m->prefetched ? m->probes->read_prefetched : m->probes->read;
    atomic_fetch_xor_explicit(&m->sink, read(m->buffer + m->start + chunk * m->slice, slice_bytes(m, chunk)), memory_order_relaxed);
}

static void copy_task(void *arg, int64_t chunk, int32_t worker) {
    (void)worker;
    struct measurement *m = arg;
    char *from = m->buffer + m->start + chunk * m->slice;
    memcpy(from + m->bytes, from, (size_t)slice_bytes(m, chunk));
}

static void fma_task(void *arg, int64_t chunk, int32_t worker) {
    (void)chunk;
    (void)worker;
    struct measurement *m = arg;
    atomic_fetch_add_explicit(&m->multiply_adds, m->probes->fma_f32(ROUNDS), memory_order_relaxed);
}

static void dot_task(void *arg, int64_t chunk, int32_t worker) {
    (void)chunk;
    (void)worker;
    struct measurement *m = arg;
    atomic_fetch_add_explicit(&m->multiply_adds, m->probes->dot_int8(ROUNDS), memory_order_relaxed);
}

/* The window after the last one; round again after the end, then with the other read loop. */
static int64_t next_window(struct measurement *m) {
    m->start = m->end;
    if (m->start == m->bytes) {
        m->start = 0;
        m->prefetched = !m->prefetched;
    }
    m->end = m->bytes - m->start < m->window ? m->bytes : m->start + m->window;
    return (m->end - m->start + m->slice - 1) / m->slice;
}

/* Bytes or multiply-adds of one pass. */
static double pass(setun_context *context, setun_limit limit, struct measurement *m) {
    int32_t threads = setun_context_threads(context) > 0 ? setun_context_threads(context) : 1;
    m->multiply_adds = 0;
    switch (limit) {
    case SETUN_LIMIT_READ:
        setun_parallel(context, next_window(m), read_task, m);
        return (double)(m->end - m->start);
    case SETUN_LIMIT_COPY:
        setun_parallel(context, next_window(m), copy_task, m);
        return 2.0 * (double)(m->end - m->start);
    case SETUN_LIMIT_FMA_F32:
        setun_parallel(context, threads * CHUNKS_PER_THREAD, fma_task, m);
        return (double)m->multiply_adds;
    default:
        setun_parallel(context, threads * CHUNKS_PER_THREAD, dot_task, m);
        return (double)m->multiply_adds;
    }
}

static setun_status measure(setun_context *context, setun_limit limit, void *buffer, uint64_t bytes, double seconds, double *rate) {
    bool memory = limit == SETUN_LIMIT_READ || limit == SETUN_LIMIT_COPY;
    if (limit < SETUN_LIMIT_READ || limit > SETUN_LIMIT_DOT_INT8) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "limit = %d must be in 0..3", limit);
    }
    if (rate == NULL || (memory && buffer == NULL)) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "%s is NULL", rate == NULL ? "rate" : "buffer");
    }
    if (memory && (bytes < 8192 || bytes > INT64_MAX)) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "bytes = %" PRIu64 " must be >= 8192", bytes);
    }
    if (!(seconds >= 0) || isinf(seconds)) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "seconds = %g must be finite and >= 0", seconds);
    }
    const measure_probes *const *probes = PROBES;
    while ((*probes)->isa > setun_context_isa(context)) {
        probes++;
    }
    int32_t threads = setun_context_threads(context) > 0 ? setun_context_threads(context) : 1;
    struct measurement m = {.probes = *probes, .buffer = buffer, .slice = SLICE};
    if (memory) {
        m.bytes = (int64_t)(limit == SETUN_LIMIT_COPY ? bytes / 2 : bytes) / 1024 * 1024;
        /* Small buffers, to measure caches: still two slices for each thread. */
        int64_t share = m.bytes / threads / 2 / 1024 * 1024;
        m.window = WINDOW;
        m.end = m.bytes; /* the first window is then the first of a round */
        m.slice = share > SLICE ? SLICE : share < 1024 ? 1024 : share;
    }
    double best = 0, start = seconds_now(), end = start;
    int64_t rounds = memory ? (m.bytes - 1) / WINDOW + 1 : 1;
    for (int64_t passes = 0; passes < 4 * rounds || end - start < seconds; passes++) { /* both read loops, each once warm */
        double begin = seconds_now(), work = pass(context, limit, &m);
        end = seconds_now();
        double seen = end > begin ? work / (end - begin) : 0;
        best = seen > best ? seen : best;
    }
    *rate = best;
    return SETUN_OK;
}

setun_status setun_measure(setun_context *context, setun_limit limit, void *buffer, uint64_t bytes, double seconds, double *rate) {
    setun_status status = setun_enter(context);
    return status != SETUN_OK ? status : setun_leave(context, measure(context, limit, buffer, bytes, seconds, rate));
}
