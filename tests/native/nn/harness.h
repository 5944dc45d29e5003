/* What the tests of the dense kernels share: buffers that end at an unmapped page, inputs, every tier at several thread counts. */
#ifndef SETUN_TEST_HARNESS_H
#define SETUN_TEST_HARNESS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "setun/setun.h"

#define UNIT 0x1p-24 /* unit roundoff of fp32 */

#define EXPECT(condition, ...)                                             \
    do {                                                                   \
        if (!(condition)) {                                                \
            printf("%s:%d: " #condition ": ", __FILE__, __LINE__);         \
            printf(__VA_ARGS__);                                           \
            printf("\n");                                                  \
            exit(1);                                                       \
        }                                                                  \
    } while (0)

#define OK(context, call) EXPECT((call) == SETUN_OK, "%s", setun_context_message(context))

/* `count` values of 4 bytes whose last byte is followed by an unmapped page. Released by test_release. */
void *test_values(int64_t count);
/* Uniform in [-scale, scale), the same for a seed everywhere. */
float *test_random(int64_t count, float scale, uint32_t seed);
float *test_copy(const float *x, int64_t count);
int32_t *test_ids(int64_t count, int32_t bound, uint32_t seed);
/* Frees all buffers. */
void test_release(void);

/* Runs a case on every tier of this CPU: with 1 thread, then with 2, 3 and free-threaded, where `out` must get the same bits. The case
 * writes its results, `values` of them, to out, and checks them if check is true. */
typedef void (*test_case)(setun_context *context, const void *shape, float *out, bool check);
void test_everywhere(const char *name, test_case run, const void *shape, int64_t values);

/* |actual - expected| <= bound, or both NaN. */
void test_near(const char *what, int64_t index, double actual, double expected, double bound);

#endif
