/* The elementwise kernels of this tier. */
#define NAME(x) x##_avx2
#include "rows_body.h"
