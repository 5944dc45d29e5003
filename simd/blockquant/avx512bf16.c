#define TIER avx512bf16
#include "kernels_body.h"
