/* The dense layout on this tier. */
#define NAME(x) x##_portable
#include "dense_planes_body.h"
