/* Going through memory in one of the ways SETUN_WALK_*. */
#ifndef SETUN_SIMD_MEASURE_WALK_H
#define SETUN_SIMD_MEASURE_WALK_H

#include "measure.h"

/* The probes of the context's tier. */
const measure_probes *measure_probes_of(const setun_context *context);

static inline bool measure_copies(setun_walk walk) { return walk >= SETUN_WALK_COPY_CACHED; }

/* Seconds since some moment. */
double measure_now(void);

/* Reads `bytes` (a multiple of 1024) from `from`, or copies them to `to`; the time in seconds. */
double measure_walk(setun_context *context, setun_walk walk, const char *from, char *to, int64_t bytes);

#endif
