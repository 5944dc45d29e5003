/* What this machine can do at most: the denominators of every share that Setun reports. */
#ifndef SETUN_MEASURE_H
#define SETUN_MEASURE_H

#include "setun/context.h"

typedef int32_t setun_limit;
enum {
    SETUN_LIMIT_READ = 0,     /* reading `bytes` of buffer: bytes/s, best of the read loops tried (plain, prefetched) */
    SETUN_LIMIT_COPY = 1,     /* copying half of buffer onto the other half: bytes read + written per s */
    SETUN_LIMIT_FMA_F32 = 2,  /* fp32 multiply-adds/s of the context's tier, in registers */
    SETUN_LIMIT_DOT_INT8 = 3  /* int8 multiply-adds/s of the context's tier (maddubs, VNNI, AMX, sdot), in registers */
};
/* Runs the probe on all threads of the context for about `seconds` and writes the best rate seen. buffer/bytes: for READ and COPY. */
SETUN_API setun_status setun_measure(setun_context *context, setun_limit limit, void *buffer, uint64_t bytes, double seconds,
                                     double *rate);

#endif
