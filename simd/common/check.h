/* Checks of arguments, with messages that name the argument, its value and what is allowed. Each returns from the caller on failure. */
#ifndef SETUN_CHECK_H
#define SETUN_CHECK_H

#include <string.h>

#include "runtime.h"

/* The body of a public function: enters the context, runs the checked implementation, leaves. */
#define SETUN_CALL(context, implementation)                                                                                  \
    do {                                                                                                                     \
        setun_status entered = setun_enter(context);                                                                         \
        return entered != SETUN_OK ? entered : setun_leave(context, implementation);                                         \
    } while (0)

/* "args->lda" is the caller's "lda". */
static inline const char *setun_argument(const char *expression) {
    const char *arrow = strstr(expression, "->");
    return arrow == NULL ? expression : arrow + 2;
}

#define SETUN_REQUIRE(context, condition, ...)                                                                               \
    do {                                                                                                                     \
        if (!(condition)) {                                                                                                  \
            return setun_fail(context, SETUN_INVALID_ARGUMENT, __VA_ARGS__);                                                 \
        }                                                                                                                    \
    } while (0)

/* A descriptor struct that this version of the library knows. */
#define SETUN_REQUIRE_ARGS(context, args)                                                                                    \
    do {                                                                                                                     \
        SETUN_REQUIRE(context, (args) != NULL, "args is NULL: must point to a descriptor");                                  \
        SETUN_REQUIRE(context, (args)->size == sizeof *(args), "size = %llu must be %zu, the size of the descriptor",        \
                      (unsigned long long)(args)->size, sizeof *(args));                                                     \
    } while (0)

#define SETUN_REQUIRE_AT_LEAST(context, value, least)                                                                        \
    SETUN_REQUIRE(context, (value) >= (least), "%s = %lld must be >= %lld", setun_argument(#value), (long long)(value),      \
                  (long long)(least))

/* Values of 4 or 8 bytes whose byte count, and that of a few such buffers together, stays far inside an int64. */
#define SETUN_MAX_VALUES (INT64_C(1) << 56)

/* rows * row values must be addressable; *values gets their number. */
#define SETUN_REQUIRE_SHAPE(context, rows, row, values)                                                                      \
    SETUN_REQUIRE(context, setun_mul_i64(rows, row, values) && *(values) <= SETUN_MAX_VALUES,                                \
                  "%s * %s = %lld * %lld is too large: at most %lld values are allowed", setun_argument(#rows),              \
                  setun_argument(#row), (long long)(rows), (long long)(row), (long long)SETUN_MAX_VALUES)

/* A pointer may be NULL only if nothing is read or written through it. */
#define SETUN_REQUIRE_DATA(context, pointer, values)                                                                         \
    SETUN_REQUIRE(context, (pointer) != NULL || (values) == 0, "%s is NULL: must point to %lld values",                      \
                  setun_argument(#pointer), (long long)(values))

/* Scratch for a number of fp32 values, or failure. */
#define SETUN_REQUIRE_SCRATCH(context, pointer, values)                                                                      \
    do {                                                                                                                     \
        (pointer) = setun_scratch(context, (size_t)(values) * sizeof(float));                                                \
        if ((pointer) == NULL) {                                                                                             \
            return setun_fail(context, SETUN_OUT_OF_MEMORY, "no memory for %lld values of scratch", (long long)(values));    \
        }                                                                                                                    \
    } while (0)

static inline int64_t setun_min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t setun_max_i64(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t setun_ceil_div(int64_t a, int64_t b) { return a / b + (a % b != 0); }
static inline int64_t setun_round_up(int64_t a, int64_t unit) { return setun_ceil_div(a, unit) * unit; }

/* Workers of a call, for per-worker scratch: a free-threaded context works alone. */
static inline int64_t setun_workers(const setun_context *context) {
    return setun_max_i64(1, setun_context_threads(context));
}

#endif
