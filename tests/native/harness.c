#include "harness.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static long checks, failures;

bool check_that(bool holds, const char *file, int line, const char *condition, const char *format, ...) {
    checks++;
    if (!holds && ++failures <= 20) {
        printf("%s:%d: %s: ", file, line, condition);
        va_list args;
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        printf("\n");
    }
    return holds;
}

int check_report(const char *name) {
    printf("%s: %ld checks, %ld failures\n", name, checks, failures);
    return checks == 0 || failures > 0;
}

uint64_t rng_next(rng *r) {
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

int64_t rng_below(rng *r, int64_t bound) { return (int64_t)(rng_next(r) % (uint64_t)bound); }

float rng_float(rng *r) { return (float)(int32_t)(rng_next(r) >> 32) * 0x1p-31f; }

static struct block {
    struct block *next;
    void *start;
    size_t bytes;
} *blocks;

void *guarded(int64_t bytes, int64_t slack) {
    int64_t page = sysconf(_SC_PAGESIZE);
    int64_t inside = (bytes + slack + page - 1) / page * page;
    struct block *block = malloc(sizeof *block);
    char *start = mmap(NULL, (size_t)(inside + 2 * page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == NULL || start == MAP_FAILED) {
        fprintf(stderr, "no memory for %lld guarded bytes\n", (long long)bytes);
        exit(1);
    }
    *block = (struct block){.next = blocks, .start = start, .bytes = (size_t)(inside + 2 * page)};
    blocks = block;
    memset(start, 0xA5, (size_t)(inside + 2 * page));
    mprotect(start, (size_t)page, PROT_NONE);
    mprotect(start + page + inside, (size_t)page, PROT_NONE);
    return start + page + inside - slack - bytes;
}

void guarded_free_all(void) {
    while (blocks != NULL) {
        struct block *block = blocks;
        blocks = block->next;
        munmap(block->start, block->bytes);
        free(block);
    }
}

setun_context *context_of(int32_t threads, setun_isa isa) {
    setun_context_options options = {.size = sizeof options, .threads = threads, .isa = isa};
    setun_context *context;
    if (setun_context_create(&options, &context) != SETUN_OK) {
        fprintf(stderr, "%s\n", setun_context_message(NULL));
        exit(1);
    }
    return context;
}

void skip_missing_tier(void) {
    const char *name = getenv("SETUN_ISA");
    setun_isa isa = setun_isa_parse(name);
    if (isa != -1 && !setun_cpu_supports(isa)) {
        printf("skipped: this machine has no %s\n", name);
        exit(EXIT_SKIPPED);
    }
}
