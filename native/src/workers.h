/* The persistent threads of a context. */
#ifndef SETUN_WORKERS_H
#define SETUN_WORKERS_H

#include "runtime.h"

typedef struct setun_workers setun_workers;

/* Starts threads - 1 workers; the caller of setun_workers_run is the last one. NULL if the OS refuses memory or threads. */
setun_workers *setun_workers_start(int32_t threads);
void setun_workers_stop(setun_workers *workers);
void setun_workers_run(setun_workers *workers, int64_t chunks, setun_task task, void *arg);

#endif
