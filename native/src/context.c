/* A context: its workers, its scratch memory, its message of the last failure. */
#include "setun/context.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu_internal.h"
#include "pages.h"
#include "runtime.h"
#include "workers.h"

enum { MAX_THREADS = 1024 };

struct scratch {
    void *memory;
    size_t bytes;
};

struct setun_context {
    uint64_t id; /* never reused, unlike the address: a message belongs to one context */
    int32_t threads;
    setun_isa isa;
    setun_workers *workers; /* NULL with threads <= 1 */
    atomic_flag busy;
    struct scratch scratch; /* with threads >= 1 */
    void *_Atomic sgemm;
};

static _Atomic uint64_t contexts_created;

static _Thread_local struct {
    uint64_t context_id;
    char text[512];
} failure;

setun_status setun_fail(setun_context *context, setun_status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(failure.text, sizeof failure.text, format, args);
    va_end(args);
    failure.context_id = context == NULL ? 0 : context->id;
    return status;
}

const char *setun_context_message(const setun_context *context) {
    return failure.context_id == (context == NULL ? 0 : context->id) ? failure.text : "";
}

setun_status setun_enter(setun_context *context) {
    if (context == NULL) {
        return setun_fail(NULL, SETUN_INVALID_ARGUMENT, "context is NULL");
    }
    if (context->threads > 0 && atomic_flag_test_and_set_explicit(&context->busy, memory_order_acquire)) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT,
                          "the context is busy: one with workers serves one caller at a time (threads = 0 serves many)");
    }
    return SETUN_OK;
}

setun_status setun_leave(setun_context *context, setun_status status) {
    if (context->threads > 0) {
        atomic_flag_clear_explicit(&context->busy, memory_order_release);
    }
    return status;
}

void setun_parallel(setun_context *context, int64_t chunks, setun_task task, void *arg) {
    if (context->workers != NULL && chunks > 1) {
        setun_workers_run(context->workers, chunks, task, arg);
        return;
    }
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        task(arg, chunk, 0);
    }
}

/* The scratch of threads that call free-threaded contexts; released when the thread ends. */
static pthread_key_t thread_scratch_key;
static pthread_once_t thread_scratch_once = PTHREAD_ONCE_INIT;

static void free_thread_scratch(void *value) {
    struct scratch *scratch = value;
    free(scratch->memory);
    free(scratch);
}

static void make_thread_scratch_key(void) {
    if (pthread_key_create(&thread_scratch_key, free_thread_scratch) != 0) {
        abort(); /* a process that has used up its keys this early cannot run a JVM either */
    }
}

static struct scratch *thread_scratch(void) {
    pthread_once(&thread_scratch_once, make_thread_scratch_key);
    struct scratch *scratch = pthread_getspecific(thread_scratch_key);
    if (scratch == NULL) {
        scratch = calloc(1, sizeof *scratch);
        if (scratch != NULL && pthread_setspecific(thread_scratch_key, scratch) != 0) {
            free(scratch);
            scratch = NULL;
        }
    }
    return scratch;
}

void *setun_scratch(setun_context *context, size_t bytes) {
    struct scratch *scratch = context->threads > 0 ? &context->scratch : thread_scratch();
    if (scratch == NULL) {
        return NULL;
    }
    if (scratch->memory == NULL || bytes > scratch->bytes) {
        size_t size = bytes + bytes / 4; /* slack, so that slowly growing shapes do not reallocate each time */
        size = size < 65536 ? 65536 : size;
        void *memory = size < bytes ? NULL : setun_pages_alloc(size);
        if (memory == NULL) {
            return NULL;
        }
        free(scratch->memory);
        *scratch = (struct scratch){.memory = memory, .bytes = size};
    }
    return scratch->memory;
}

setun_status setun_context_create(const setun_context_options *options, setun_context **out) {
    if (options == NULL || out == NULL) {
        return setun_fail(NULL, SETUN_INVALID_ARGUMENT, "%s is NULL", options == NULL ? "options" : "out");
    }
    if (options->size != sizeof *options) {
        return setun_fail(NULL, SETUN_INVALID_ARGUMENT, "options.size = %llu must be %zu", (unsigned long long)options->size,
                          sizeof *options);
    }
    if (options->threads < 0 || options->threads > MAX_THREADS) {
        return setun_fail(NULL, SETUN_INVALID_ARGUMENT, "options.threads = %d must be in 0..%d", options->threads, MAX_THREADS);
    }
    if (options->isa != -1 && setun_isa_name(options->isa) == NULL) {
        return setun_fail(NULL, SETUN_INVALID_ARGUMENT, "options.isa = %d is not a tier", options->isa);
    }
    setun_isa best = setun_cpu_best_isa();
    if (best == -1) {
        return setun_fail(NULL, SETUN_INVALID_ARGUMENT, "SETUN_ISA = \"%s\" must be one of %s", setun_cpu_isa_limit_text(),
                          SETUN_ISA_NAMES);
    }
    setun_context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        return setun_fail(NULL, SETUN_OUT_OF_MEMORY, "no memory for a context");
    }
    context->id = atomic_fetch_add(&contexts_created, 1) + 1;
    context->threads = options->threads;
    context->isa = options->isa == -1 || options->isa >= best ? best : setun_cpu_best_isa_up_to(options->isa);
    atomic_flag_clear(&context->busy);
    if (context->threads > 1) {
        context->workers = setun_workers_start(context->threads);
        if (context->workers == NULL) {
            free(context);
            return setun_fail(NULL, SETUN_OUT_OF_MEMORY, "the operating system refused %d threads", options->threads - 1);
        }
    }
    *out = context;
    return SETUN_OK;
}

setun_status setun_context_destroy(setun_context *context) {
    setun_status status = setun_enter(context);
    if (status != SETUN_OK) {
        return status;
    }
    if (context->workers != NULL) {
        setun_workers_stop(context->workers);
    }
    free(context->scratch.memory);
    free(context);
    return SETUN_OK;
}

int32_t setun_context_threads(const setun_context *context) { return context->threads; }

setun_isa setun_context_isa(const setun_context *context) { return context->isa; }

setun_status setun_context_set_sgemm(setun_context *context, void *cblas_sgemm) {
    if (context == NULL) {
        return setun_fail(NULL, SETUN_INVALID_ARGUMENT, "context is NULL");
    }
    atomic_store(&context->sgemm, cblas_sgemm);
    return SETUN_OK;
}

void *setun_context_sgemm(const setun_context *context) { return atomic_load(&context->sgemm); }
