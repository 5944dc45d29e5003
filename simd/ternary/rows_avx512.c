/* The elementwise kernels of this tier. */
#define NAME(x) x##_avx512
#include "rows_body.h"
