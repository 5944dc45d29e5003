#define TIER amx
#define BLOCK_AMX
#include "kernels_body.h"
