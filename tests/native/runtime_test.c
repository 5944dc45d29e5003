/* Contexts, threads, messages, tiers, slabs. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "selftest.h"

static setun_status create(uint64_t size, int32_t threads, setun_isa isa) {
    setun_context_options options = {.size = size, .threads = threads, .isa = isa};
    setun_context *context = NULL;
    setun_status status = setun_context_create(&options, &context);
    if (status == SETUN_OK) {
        setun_context_destroy(context);
    }
    return status;
}

static void options_are_checked(void) {
    uint64_t size = sizeof(setun_context_options);
    CHECK(create(size, 2, -1) == SETUN_OK, "%s", setun_context_message(NULL));
    CHECK(create(size - 8, 1, -1) == SETUN_INVALID_ARGUMENT, "size");
    CHECK(create(size, -1, -1) == SETUN_INVALID_ARGUMENT, "threads");
    CHECK(strstr(setun_context_message(NULL), "threads = -1") != NULL, "message: %s", setun_context_message(NULL));
    CHECK(create(size, 1025, -1) == SETUN_INVALID_ARGUMENT, "threads");
    CHECK(create(size, 1, 99) == SETUN_INVALID_ARGUMENT, "isa");
    CHECK(setun_context_create(NULL, NULL) == SETUN_INVALID_ARGUMENT, "NULL");
}

static void tiers_only_get_lower(void) {
    setun_isa best = setun_cpu_best_isa();
    const char *limit = getenv("SETUN_ISA");
    CHECK(setun_cpu_supports(best), "%d", best);
    CHECK(limit == NULL || best <= setun_isa_parse(limit), "SETUN_ISA=%s, but %s", limit, setun_isa_name(best));
    for (setun_isa isa = 0; isa < 16; isa++) {
        if (setun_isa_name(isa) != NULL) {
            CHECK(setun_isa_parse(setun_isa_name(isa)) == isa, "%d", isa);
            setun_context *context = context_of(1, isa);
            CHECK(setun_context_isa(context) <= isa && setun_context_isa(context) <= best, "%d", isa);
            setun_context_destroy(context);
        }
    }
    CHECK(setun_isa_parse("avx3") == -1 && setun_isa_parse(NULL) == -1 && setun_isa_name(77) == NULL, "unknown names");
    CHECK((setun_cpu_features() & setun_cpu_disabled_features()) == 0, "a feature cannot be both");
}

/* An own thread makes failing calls while this one does: each sees its own message. */
static void *fail_elsewhere(void *context) {
    setun_dequantize_rows(context, NULL, NULL, -5, 1, NULL);
    return (void *)(strstr(setun_context_message(context), "n = -5") != NULL ? "right" : "wrong");
}

static void messages_belong_to_threads(void) {
    setun_context *context = context_of(0, -1), *other = context_of(0, -1);
    CHECK(setun_context_message(context)[0] == '\0', "a new context has a message");
    setun_dequantize_rows(context, NULL, NULL, -3, 1, NULL);
    pthread_t thread;
    void *verdict = NULL;
    pthread_create(&thread, NULL, fail_elsewhere, context);
    pthread_join(thread, &verdict);
    CHECK(strcmp(verdict, "right") == 0, "the other thread's message");
    CHECK(strstr(setun_context_message(context), "n = -3") != NULL, "%s", setun_context_message(context));
    CHECK(setun_context_message(other)[0] == '\0', "another context's message: %s", setun_context_message(other));
    setun_context_destroy(context);
    setun_context_destroy(other);
}

enum { CALLERS = 4, CALLS = 300, M = 48, K = 256 };

struct caller {
    setun_context *context;
    uint8_t packed[M * K / 4];
    int8_t codes[M * K];
    long served, refused, wrong;
};

/* Packs and unpacks over and over; a context with workers may refuse, but never mixes two calls up. */
static void *call_often(void *arg) {
    struct caller *caller = arg;
    for (int i = 0; i < CALLS; i++) {
        int8_t back[M * K];
        if (setun_ternary_pack(caller->context, caller->codes, M, K, caller->packed) != SETUN_OK ||
            setun_ternary_unpack(caller->context, caller->packed, M, K, back) != SETUN_OK) {
            caller->refused += strstr(setun_context_message(caller->context), "busy") != NULL;
            caller->wrong += strstr(setun_context_message(caller->context), "busy") == NULL;
        } else {
            caller->served++;
            caller->wrong += memcmp(back, caller->codes, sizeof back) != 0;
        }
    }
    return NULL;
}

static void concurrent_callers(int32_t threads) {
    setun_context *context = context_of(threads, -1);
    static struct caller callers[CALLERS];
    pthread_t thread[CALLERS];
    rng r = {3};
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.context = context};
        for (int j = 0; j < M * K; j++) {
            callers[i].codes[j] = (int8_t)(rng_below(&r, 3) - 1);
        }
        pthread_create(&thread[i], NULL, call_often, &callers[i]);
    }
    long served = 0;
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(thread[i], NULL);
        CHECK(callers[i].wrong == 0, "%ld wrong results with %d threads", callers[i].wrong, threads);
        CHECK(threads > 0 || callers[i].refused == 0, "a free-threaded context refused %ld calls", callers[i].refused);
        served += callers[i].served;
    }
    CHECK(served > 0, "no caller was served with %d threads", threads);
    setun_context_destroy(context);
}

static void slabs(void) {
    setun_context *context = context_of(1, -1);
    void *slab = NULL;
    CHECK(setun_slab_map(context, 3 << 20, &slab) == SETUN_OK, "%s", setun_context_message(context));
    CHECK((uintptr_t)slab % (2 << 20) == 0, "%p", slab);
    unsigned char any = 0;
    for (int i = 0; i < 4 << 20; i++) { /* rounded up to 2 MiB */
        any |= ((unsigned char *)slab)[i];
    }
    CHECK(any == 0, "a slab is zeroed");
    memset(slab, 1, 4 << 20);
    CHECK(setun_slab_unmap(context, (char *)slab + 64, 3 << 20) == SETUN_INVALID_ARGUMENT, "not the start of a slab");
    CHECK(setun_slab_unmap(context, slab, 3 << 20) == SETUN_OK, "%s", setun_context_message(context));
    CHECK(setun_slab_map_small_pages(context, 5 << 20, &slab) == SETUN_OK, "%s", setun_context_message(context));
    memset(slab, 1, 5 << 20);
    CHECK(setun_slab_unmap(context, slab, 5 << 20) == SETUN_OK, "%s", setun_context_message(context));
    CHECK(setun_slab_map(context, 0, &slab) == SETUN_INVALID_ARGUMENT, "no bytes");
    CHECK(setun_slab_map(context, UINT64_MAX, &slab) == SETUN_OUT_OF_MEMORY, "too many bytes");
    CHECK(setun_slab_map(context, UINT64_C(1) << 60, &slab) == SETUN_OUT_OF_MEMORY, "too many bytes");
    setun_context_destroy(context);
}

static void limits_are_measured(void) {
    setun_context *context = context_of(2, -1);
    static char buffer[1 << 16];
    double rate = -1;
    for (setun_limit limit = 0; limit <= SETUN_LIMIT_DOT_BF16; limit++) {
        CHECK(setun_measure(context, limit, buffer, sizeof buffer, 0, &rate) == SETUN_OK, "%s", setun_context_message(context));
        CHECK(rate > 1e6 && rate < 1e16, "limit %d: %g/s", limit, rate);
    }
    rate = -1;
    CHECK(setun_measure(context, SETUN_LIMIT_DOT_BF16 + 1, buffer, sizeof buffer, 0, &rate) == SETUN_INVALID_ARGUMENT && rate == -1,
          "unknown limit");
    CHECK(setun_measure(context, SETUN_LIMIT_READ, buffer, 100, 0, &rate) == SETUN_INVALID_ARGUMENT, "too small");
    setun_context_destroy(context);
}

static void walks_go_through_all_of_the_buffer(void) {
    enum { HALF = 9 * 1024 };
    setun_context *context = context_of(2, -1);
    static _Alignas(64) char buffer[2 * HALF + 64];
    for (int shift = 0; shift < 64; shift += 33) { /* streamed stores need alignment */
        for (setun_walk walk = 0; walk <= SETUN_WALK_COPY_STREAMING; walk++) {
            char *start = buffer + shift;
            for (int i = 0; i < HALF; i++) {
                start[i] = (char)(i * 7 + walk);
                start[HALF + i] = 0;
            }
            double seconds = -1;
            CHECK(setun_measure_walk(context, walk, start, 2 * HALF, &seconds) == SETUN_OK, "%s", setun_context_message(context));
            CHECK(seconds >= 0 && seconds < 10, "walk %d: %g s", walk, seconds);
            bool copied = memcmp(start, start + HALF, HALF) == 0;
            CHECK(copied == (walk >= SETUN_WALK_COPY_CACHED), "walk %d, shift %d: %s", walk, shift, copied ? "copied" : "not copied");
        }
    }
    double seconds = -1;
    CHECK(setun_measure_walk(context, SETUN_WALK_COPY_STREAMING + 1, buffer, HALF, &seconds) == SETUN_INVALID_ARGUMENT, "unknown walk");
    CHECK(setun_measure_walk(context, 0, buffer, 100, &seconds) == SETUN_INVALID_ARGUMENT, "too small");
    CHECK(setun_measure_walk(context, 0, NULL, HALF, &seconds) == SETUN_INVALID_ARGUMENT && seconds == -1, "no buffer");
    setun_context_destroy(context);
}

static setun_status count_to_five(setun_context *context, const void *args) {
    int *calls = *(int *const *)args;
    (void)context;
    return ++*calls > 5 ? SETUN_UNSUPPORTED : SETUN_OK;
}

static void calls_are_repeated_until_one_fails(void) {
    setun_context *context = context_of(1, -1);
    int calls = 0, *args = &calls;
    double seconds = -1;
    CHECK(setun_measure_calls(context, count_to_five, &args, 5, &seconds) == SETUN_OK && calls == 5 && seconds >= 0, "%d calls", calls);
    CHECK(setun_measure_calls(context, count_to_five, &args, 5, &seconds) == SETUN_UNSUPPORTED && calls == 6, "%d calls", calls);
    CHECK(setun_measure_calls(context, NULL, &args, 5, &seconds) == SETUN_INVALID_ARGUMENT, "no function");
    CHECK(setun_measure_calls(context, count_to_five, &args, 0, &seconds) == SETUN_INVALID_ARGUMENT, "no repeats");
    setun_context_destroy(context);
}

void runtime_tests(void) {
    options_are_checked();
    tiers_only_get_lower();
    messages_belong_to_threads();
    concurrent_callers(0);
    concurrent_callers(1);
    concurrent_callers(2);
    slabs();
    limits_are_measured();
    walks_go_through_all_of_the_buffer();
    calls_are_repeated_until_one_fails();
}
