#define _GNU_SOURCE
#include "harness.h"

#include <sys/mman.h>
#include <unistd.h>

enum { MAX_BUFFERS = 256 };
static struct {
    void *base;
    size_t bytes;
} buffers[MAX_BUFFERS];
static int buffer_count;
static setun_isa tier_now;

void *test_values(int64_t count) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (size_t)count * 4, mapped = (bytes + page - 1) / page * page;
    char *base = mmap(NULL, mapped + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(base != MAP_FAILED && buffer_count < MAX_BUFFERS, "no memory for a test buffer");
    EXPECT(mprotect(base + mapped, page, PROT_NONE) == 0, "mprotect");
    buffers[buffer_count].base = base;
    buffers[buffer_count++].bytes = mapped + page;
    return base + mapped - bytes;
}

float *test_random(int64_t count, float scale, uint32_t seed) {
    float *x = test_values(count);
    uint32_t state = seed * 2654435761u + 1;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = ((float)(state >> 8) * 0x1p-23f - 1.0f) * scale;
    }
    return x;
}

float *test_copy(const float *x, int64_t count) { return memcpy(test_values(count), x, (size_t)count * 4); }

int32_t *test_ids(int64_t count, int32_t bound, uint32_t seed) {
    int32_t *ids = test_values(count);
    uint32_t state = seed * 2654435761u + 1;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        ids[i] = (int32_t)((state >> 8) % (uint32_t)bound);
    }
    return ids;
}

void test_release(void) {
    while (buffer_count > 0) {
        buffer_count--;
        munmap(buffers[buffer_count].base, buffers[buffer_count].bytes);
    }
}

static void run_once(setun_isa isa, int32_t threads, test_case run, const void *shape, float *out, bool check) {
    setun_context_options options = {sizeof options, threads, isa};
    setun_context *context;
    OK(NULL, setun_context_create(&options, &context));
    run(context, shape, out, check);
    OK(NULL, setun_context_destroy(context));
}

void test_everywhere(const char *name, test_case run, const void *shape, int64_t values) {
    static const setun_isa tiers[] = {SETUN_ISA_PORTABLE, SETUN_ISA_AVX2, SETUN_ISA_AVX512, SETUN_ISA_AVX512BF16, SETUN_ISA_AMX};
    static const int32_t threads[] = {2, 3, 0};
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        if (!setun_cpu_supports(tiers[i])) {
            continue;
        }
        tier_now = tiers[i];
        float *first = calloc((size_t)values + 1, 4), *again = calloc((size_t)values + 1, 4);
        run_once(tiers[i], 1, run, shape, first, true);
        for (size_t j = 0; j < sizeof threads / sizeof *threads; j++) {
            run_once(tiers[i], threads[j], run, shape, again, false);
            EXPECT(memcmp(first, again, (size_t)values * 4) == 0, "%s: %d threads give other bits than 1 on %s", name, threads[j],
                   setun_isa_name(tiers[i]));
        }
        free(first);
        free(again);
        test_release();
    }
}

void test_near(const char *what, int64_t index, double actual, double expected, double bound) {
    bool near = fabs(actual - expected) <= bound || actual == expected || (isnan(actual) && isnan(expected));
    EXPECT(near, "%s[%lld] = %.9g, expected %.9g within %.3g on %s", what, (long long)index, actual, expected, bound,
           setun_isa_name(tier_now));
}
