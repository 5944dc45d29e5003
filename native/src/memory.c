#include "setun/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "pages.h"
#include "runtime.h"

static const uint64_t HUGE_PAGE = UINT64_C(2) << 20;

static void ask_for_pages(bool huge, void *start, size_t bytes) {
#if defined(MADV_HUGEPAGE)
    madvise(start, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE); /* a refusal costs speed only */
#else
    (void)huge;
    (void)start;
    (void)bytes;
#endif
}

void *setun_pages_alloc(size_t bytes) {
    size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
    void *block = NULL;
    if (posix_memalign(&block, alignment, bytes) != 0) {
        return NULL;
    }
    if (alignment == HUGE_PAGE) {
        ask_for_pages(true, block, bytes);
    }
    return block;
}

/* bytes rounded up to whole huge pages, or 0 if that overflows the address space. */
static uint64_t whole_pages(uint64_t bytes) {
    return bytes > (uint64_t)INT64_MAX - 2 * HUGE_PAGE ? 0 : (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

/* These do not enter the context: they touch nothing of it, and pools call them while it computes. */
static setun_status map(setun_context *context, uint64_t bytes, bool huge, void **out) {
    if (out == NULL) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "out is NULL");
    }
    if (bytes == 0) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "bytes = 0 must be > 0");
    }
    uint64_t size = whole_pages(bytes);
    if (size == 0) {
        return setun_fail(context, SETUN_OUT_OF_MEMORY, "bytes = %" PRIu64 " is beyond the address space", bytes);
    }
    char *start = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        return setun_fail(context, SETUN_OUT_OF_MEMORY, "the operating system refused %" PRIu64 " bytes", size);
    }
    uint64_t head = (HUGE_PAGE - (uintptr_t)start % HUGE_PAGE) % HUGE_PAGE;
    if (head > 0) {
        munmap(start, head);
    }
    munmap(start + head + size, HUGE_PAGE - head);
    ask_for_pages(huge, start + head, size);
    *out = start + head;
    return SETUN_OK;
}

setun_status setun_slab_map(setun_context *context, uint64_t bytes, void **out) { return map(context, bytes, true, out); }

setun_status setun_slab_map_small_pages(setun_context *context, uint64_t bytes, void **out) { return map(context, bytes, false, out); }

setun_status setun_slab_unmap(setun_context *context, void *slab, uint64_t bytes) {
    uint64_t size = whole_pages(bytes);
    if (slab == NULL || (uintptr_t)slab % HUGE_PAGE != 0) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "slab = %p is not a slab of setun_slab_map", slab);
    }
    if (size == 0 || munmap(slab, size) != 0) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "bytes = %" PRIu64 " is not the size of the slab", bytes);
    }
    return SETUN_OK;
}
