/* Big slabs of memory, from which Java sub-allocates. */
#ifndef SETUN_MEMORY_H
#define SETUN_MEMORY_H

#include "setun/context.h"

/* They may be called from any thread at any time, also while the context computes. */

/* Maps `bytes` of zeroed memory, aligned to 2 MiB, and asks the OS for huge pages. bytes is rounded up to 2 MiB. */
SETUN_API setun_status setun_slab_map(setun_context *context, uint64_t bytes, void **out);
/* The same on the small pages of the system, to measure what huge ones bring. Unmapped likewise. */
SETUN_API setun_status setun_slab_map_small_pages(setun_context *context, uint64_t bytes, void **out);
SETUN_API setun_status setun_slab_unmap(setun_context *context, void *slab, uint64_t bytes);

#endif
