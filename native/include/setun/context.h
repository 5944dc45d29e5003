/* A context: one backend on one device. */
#ifndef SETUN_CONTEXT_H
#define SETUN_CONTEXT_H

#include "setun/cpu.h"
#include "setun/status.h"

/* Raised by one whenever a function or a descriptor struct changes incompatibly. Java refuses another value. */
#define SETUN_ABI_VERSION 2

typedef struct setun_context setun_context;

typedef struct setun_context_options {
    uint64_t size;   /* sizeof(setun_context_options) */
    int32_t threads; /* threads that work on a call, the caller's included: 1..1024; 0: free-threaded (below) */
    int32_t isa;     /* highest tier to use (SETUN_ISA_*), or -1 for the best; it can only lower */
} setun_context_options;

SETUN_API uint32_t setun_abi_version(void);

/* "setun 0.1.0 (gcc 12.2.0, release)". */
SETUN_API const char *setun_build_info(void);

/* threads >= 1: threads-1 persistent workers (spin, then park) join the caller of each function. Such a context serves
 * one caller at a time; a second concurrent caller gets SETUN_INVALID_ARGUMENT.
 * threads == 0: no workers; any number of threads may call at once, and each call runs on its caller's thread. */
SETUN_API setun_status setun_context_create(const setun_context_options *options, setun_context **out);
SETUN_API setun_status setun_context_destroy(setun_context *context);

/* Message of the calling thread's last failed call on this context; "" if none. Never NULL. Also valid for
 * context == NULL (failures of setun_context_create). The text lives until the thread's next failure. */
SETUN_API const char *setun_context_message(const setun_context *context);

SETUN_API int32_t setun_context_threads(const setun_context *context);
SETUN_API setun_isa setun_context_isa(const setun_context *context);

/* cblas_sgemm of a BLAS library that is set to one thread, or NULL for the built-in kernel. */
SETUN_API setun_status setun_context_set_sgemm(setun_context *context, void *cblas_sgemm);

#endif
