/* What this machine can do at most: the denominators of every share that Setun reports. */
#ifndef SETUN_MEASURE_H
#define SETUN_MEASURE_H

#include "setun/context.h"

typedef int32_t setun_limit;
enum {
    SETUN_LIMIT_READ = 0,     /* reading buffer: bytes/s, the median over windows of it, of the best SETUN_WALK_READ_* */
    SETUN_LIMIT_COPY = 1,     /* copying half of buffer onto the other half: bytes read + written per s, of the best SETUN_WALK_COPY_* */
    SETUN_LIMIT_FMA_F32 = 2,  /* fp32 multiply-adds/s of the context's tier, in registers: the best rate seen */
    SETUN_LIMIT_DOT_INT8 = 3, /* int8 multiply-adds/s of the context's tier (maddubs, VNNI, AMX, sdot), likewise */
    SETUN_LIMIT_DOT_BF16 = 4  /* bf16 multiply-adds/s (AVX512-BF16, AMX), likewise; of fp32 where the tier has no bf16 */
};
/* Runs the probe on all threads of the context for about `seconds` and writes the rate. buffer/bytes: for READ and COPY. */
SETUN_API setun_status setun_measure(setun_context *context, setun_limit limit, void *buffer, uint64_t bytes, double seconds,
                                     double *rate);

/* Ways through memory. Threads take slices of up to 256 KiB in turn, where nothing else is said. */
typedef int32_t setun_walk;
enum {
    SETUN_WALK_READ_PLAIN = 0,
    SETUN_WALK_READ_NEAR = 1,          /* prefetching 2 KiB ahead */
    SETUN_WALK_READ_FAR = 2,           /* prefetching 12 KiB ahead */
    SETUN_WALK_READ_STREAMS = 3,       /* each slice as four streams side by side */
    SETUN_WALK_READ_STREAMS_NEAR = 4,  /* the same, prefetching 2 KiB ahead in each */
    SETUN_WALK_READ_PIECES = 5,        /* each thread one contiguous piece, prefetching 12 KiB ahead */
    SETUN_WALK_COPY_CACHED = 6,        /* memcpy of half of buffer onto the other half */
    SETUN_WALK_COPY_STREAMING = 7      /* the same with stores that bypass the caches */
};
/* Goes once through buffer on all threads of the context and writes the time that took. bytes >= 8192; what is beyond a multiple of
 * 1024 (COPY: in each half) is left out. With it a caller can measure a limit and a kernel alternately, in one span of time. */
SETUN_API setun_status setun_measure_walk(setun_context *context, setun_walk walk, void *buffer, uint64_t bytes, double *seconds);

/* Calls function(context, args) `repeats` times from a loop in C and writes the time that took: what the calls cost without a binding.
 * Stops at the first call that fails and returns its status. The function enters the context, this one does not. */
typedef setun_status setun_measured_function(setun_context *context, const void *args);
SETUN_API setun_status setun_measure_calls(setun_context *context, setun_measured_function *function, const void *args, int64_t repeats,
                                           double *seconds);

#endif
