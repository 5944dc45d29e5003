/* Status codes that every Setun function returns. */
#ifndef SETUN_STATUS_H
#define SETUN_STATUS_H

#include <stdint.h>

#if defined(_WIN32)
#define SETUN_API __declspec(dllexport)
#else
#define SETUN_API __attribute__((visibility("default")))
#endif

/* The message of the last failure (which argument, its value, what is allowed) lives in the context:
 * setun_context_message(). A function that fails has written to none of its outputs. */
typedef int32_t setun_status;
enum {
    SETUN_OK = 0,
    SETUN_INVALID_ARGUMENT = 1, /* a null pointer, a negative or overflowing shape, an unknown enum value */
    SETUN_OUT_OF_MEMORY = 2,    /* the operating system refused memory */
    SETUN_UNSUPPORTED = 3,      /* this build or this machine lacks what was asked for */
    SETUN_INTERNAL = 4          /* a defect of the library */
};

#endif
