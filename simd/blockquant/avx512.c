#define TIER avx512
#include "kernels_body.h"
