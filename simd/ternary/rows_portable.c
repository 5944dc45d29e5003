/* The elementwise kernels of this tier. */
#define NAME(x) x##_portable
#include "rows_body.h"
