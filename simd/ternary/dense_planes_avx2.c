/* The dense layout on this tier. */
#define NAME(x) x##_avx2
#include "dense_planes_body.h"
