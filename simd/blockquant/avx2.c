#define TIER avx2
#include "kernels_body.h"
