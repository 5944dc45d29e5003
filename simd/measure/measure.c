/* setun_measure: repeats a probe for a while. setun_measure_calls: a loop around a call. */
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "walk.h"

/* A big buffer is walked through in windows of about a millisecond, each timed by itself: the median is then that of windows in which no
 * other process had the core, as long as these are more than half. */
enum { WINDOW = 1 << 25, LEAST_BYTES = 8192, MOST_RATES = 256, CHUNKS_PER_THREAD = 8, ROUNDS = 1 << 14 };

struct register_probe {
    int64_t (*run)(int64_t rounds);
    _Atomic int64_t multiply_adds;
};

static void register_task(void *arg, int64_t chunk, int32_t worker) {
    (void)chunk;
    (void)worker;
    struct register_probe *probe = arg;
    atomic_fetch_add_explicit(&probe->multiply_adds, probe->run(ROUNDS), memory_order_relaxed);
}

/* The best rate seen: registers have no luck with caches. */
static double multiply_add_rate(setun_context *context, int64_t (*run)(int64_t), double seconds) {
    int32_t threads = setun_context_threads(context) > 0 ? setun_context_threads(context) : 1;
    double best = 0, start = measure_now(), end = start;
    for (int pass = 0; pass < 2 || end - start < seconds; pass++) {
        struct register_probe probe = {.run = run};
        double begin = measure_now();
        setun_parallel(context, threads * CHUNKS_PER_THREAD, register_task, &probe);
        end = measure_now();
        double seen = end > begin ? (double)probe.multiply_adds / (end - begin) : 0;
        best = seen > best ? seen : best;
    }
    return best;
}

static int rising(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct rates {
    double last[MOST_RATES];
    int64_t count;
};

static double median(struct rates *rates) {
    int64_t kept = rates->count < MOST_RATES ? rates->count : MOST_RATES;
    qsort(rates->last, (size_t)kept, sizeof rates->last[0], rising);
    return rates->last[kept / 2];
}

/* Rounds through all windows, each in another of the ways; the best way's median in bytes/s. */
static double memory_rate(setun_context *context, bool copy, char *buffer, int64_t bytes, double seconds) {
    static const setun_walk FIRST[] = {SETUN_WALK_READ_PLAIN, SETUN_WALK_COPY_CACHED, SETUN_WALK_COPY_STREAMING + 1};
    struct rates rates[SETUN_WALK_COPY_STREAMING + 1];
    for (setun_walk walk = FIRST[copy]; walk < FIRST[copy + 1]; walk++) {
        rates[walk].count = 0;
    }
    int64_t length = (copy ? bytes / 2 : bytes) / 1024 * 1024;
    double start = measure_now(), end = start;
    for (int round = 0; round == 0 || end - start < seconds; round++) {
        for (setun_walk walk = FIRST[copy]; walk < FIRST[copy + 1]; walk++) {
            for (int64_t at = 0; at < length; at += WINDOW) {
                int64_t window = length - at < WINDOW ? length - at : WINDOW;
                double taken = measure_walk(context, walk, buffer + at, buffer + length + at, window);
                struct rates *r = &rates[walk];
                r->last[r->count++ % MOST_RATES] = taken > 0 ? (copy ? 2.0 : 1.0) * (double)window / taken : 0;
            }
        }
        end = measure_now();
    }
    double best = 0;
    for (setun_walk walk = FIRST[copy]; walk < FIRST[copy + 1]; walk++) {
        double seen = median(&rates[walk]);
        best = seen > best ? seen : best;
    }
    return best;
}

static setun_status measure(setun_context *context, setun_limit limit, void *buffer, uint64_t bytes, double seconds, double *rate) {
    bool memory = limit == SETUN_LIMIT_READ || limit == SETUN_LIMIT_COPY;
    if (limit < SETUN_LIMIT_READ || limit > SETUN_LIMIT_DOT_BF16) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "limit = %d must be in 0..%d", limit, SETUN_LIMIT_DOT_BF16);
    }
    if (rate == NULL || (memory && buffer == NULL)) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "%s is NULL", rate == NULL ? "rate" : "buffer");
    }
    if (memory && (bytes < LEAST_BYTES || bytes > INT64_MAX)) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "bytes = %" PRIu64 " must be >= %d", bytes, LEAST_BYTES);
    }
    if (!(seconds >= 0) || isinf(seconds)) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "seconds = %g must be finite and >= 0", seconds);
    }
    const measure_probes *probes = measure_probes_of(context);
    switch (limit) {
    case SETUN_LIMIT_FMA_F32:
        *rate = multiply_add_rate(context, probes->fma_f32, seconds);
        break;
    case SETUN_LIMIT_DOT_INT8:
        *rate = multiply_add_rate(context, probes->dot_int8, seconds);
        break;
    case SETUN_LIMIT_DOT_BF16:
        *rate = multiply_add_rate(context, probes->dot_bf16, seconds);
        break;
    default:
        *rate = memory_rate(context, limit == SETUN_LIMIT_COPY, buffer, (int64_t)bytes, seconds);
    }
    return SETUN_OK;
}

setun_status setun_measure(setun_context *context, setun_limit limit, void *buffer, uint64_t bytes, double seconds, double *rate) {
    setun_status status = setun_enter(context);
    return status != SETUN_OK ? status : setun_leave(context, measure(context, limit, buffer, bytes, seconds, rate));
}

setun_status setun_measure_calls(setun_context *context, setun_measured_function *function, const void *args, int64_t repeats,
                                 double *seconds) {
    if (context == NULL || function == NULL || seconds == NULL) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "%s is NULL",
                          context == NULL ? "context" : function == NULL ? "function" : "seconds");
    }
    if (repeats < 1) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "repeats = %" PRId64 " must be >= 1", repeats);
    }
    setun_status status = SETUN_OK;
    double start = measure_now();
    for (int64_t i = 0; i < repeats && status == SETUN_OK; i++) {
        status = function(context, args);
    }
    *seconds = measure_now() - start;
    return status;
}
