#define TIER neon_dot
#include "kernels_body.h"
