/* What attention needs of the library beside its AMX kernels, for a test that compiles those over emulated tiles: one thread, scratch from
 * the heap, the AMX table whatever the context's tier. Tiles are emulated for one thread. */
#include <stdlib.h>

#include "runtime.h"
#include "simd/nn/attention_bf16.h"

extern const setun_attention_bf16_kernels setun_attention_bf16_amx;
static void *scratch;

const setun_attention_bf16_kernels *setun_attention_bf16_select(setun_isa isa) {
    (void)isa;
    return &setun_attention_bf16_amx;
}

const setun_nn_kernels *setun_nn_select(setun_isa isa) {
    (void)isa;
    return NULL; /* fp32 is tested elsewhere */
}

setun_status setun_enter(setun_context *context) {
    (void)context;
    return SETUN_OK;
}

setun_status setun_leave(setun_context *context, setun_status status) {
    (void)context;
    free(scratch);
    scratch = NULL;
    return status;
}

setun_status setun_fail(setun_context *context, setun_status status, const char *format, ...) {
    (void)context;
    (void)format;
    return status;
}

void setun_parallel(setun_context *context, int64_t chunks, setun_task task, void *arg) {
    (void)context;
    for (int64_t i = 0; i < chunks; i++) {
        task(arg, i, 0);
    }
}

void *setun_scratch(setun_context *context, size_t bytes) {
    (void)context;
    free(scratch);
    scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    return scratch;
}
