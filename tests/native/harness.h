/* What the native tests share: checks, random numbers, guarded memory, contexts of each tier. */
#ifndef SETUN_TEST_HARNESS_H
#define SETUN_TEST_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "setun/setun.h"

enum { EXIT_SKIPPED = 77 }; /* ctest: SKIP_RETURN_CODE */

/* Counts a check; on failure prints the place and the text, and the process will exit with 1. */
#define CHECK(condition, ...) check_that((condition), __FILE__, __LINE__, #condition, __VA_ARGS__)
bool check_that(bool holds, const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
int check_report(const char *name); /* prints the counts; the exit status */

/* splitmix64: the same numbers on every machine. */
typedef struct rng {
    uint64_t state;
} rng;
uint64_t rng_next(rng *r);
int64_t rng_below(rng *r, int64_t bound);
float rng_float(rng *r); /* in [-1, 1) */

/* Memory between two pages that may not be touched. The block ends `slack` bytes before the upper one, so that reading or writing
 * past its end by more than that is a fault; everything between is filled with 0xA5. Freed all at once. */
void *guarded(int64_t bytes, int64_t slack);
void guarded_free_all(void);

/* A context that must be creatable. */
setun_context *context_of(int32_t threads, setun_isa isa);

/* Exits with EXIT_SKIPPED if SETUN_ISA names a tier that this machine lacks. */
void skip_missing_tier(void);

#endif
