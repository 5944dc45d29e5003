/* Memory that the library itself needs: aligned, and in huge pages where it is big. */
#ifndef SETUN_PAGES_H
#define SETUN_PAGES_H

#include <stddef.h>

/* 64-byte aligned; 2 MiB aligned and in huge pages from 2 MiB up. NULL if memory is short. Freed by free(). */
void *setun_pages_alloc(size_t bytes);

#endif
