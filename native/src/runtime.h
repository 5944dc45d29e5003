/* What kernels use of the runtime behind a context: failing, splitting work, scratch memory. Internal to the library. */
#ifndef SETUN_RUNTIME_H
#define SETUN_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#include "setun/context.h"

/* Every public function begins with setun_enter and ends with setun_leave: a context with workers serves one caller at a time. */
setun_status setun_enter(setun_context *context);
setun_status setun_leave(setun_context *context, setun_status status);

/* Records the message of a failure ("n = -3 must be >= 0") and returns status. */
setun_status setun_fail(setun_context *context, setun_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One chunk of a call's work. worker is in [0, threads), for per-worker scratch; results must not depend on it. */
typedef void (*setun_task)(void *arg, int64_t chunk, int32_t worker);

/* Runs task for chunks 0 .. chunks-1 on all threads of the context, the caller's included; returns when all are done. Each thread starts
 * with a contiguous share of them; the order is not fixed. Grids of chunks depend on shapes alone, so that results never depend on
 * thread counts. */
void setun_parallel(setun_context *context, int64_t chunks, setun_task task, void *arg);

/* Scratch of the current call, 64-byte aligned, undefined contents; valid until setun_leave or the next setun_scratch. Kept and reused:
 * no allocation once it has grown. NULL if memory is short. Free-threaded contexts keep one per thread. */
void *setun_scratch(setun_context *context, size_t bytes);

/* cblas_sgemm given by setun_context_set_sgemm, or NULL. */
void *setun_context_sgemm(const setun_context *context);

/* a * b, false on overflow or a negative factor. */
static inline bool setun_mul_i64(int64_t a, int64_t b, int64_t *out) {
    return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, out);
}

#endif
