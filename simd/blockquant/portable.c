#define TIER portable
#include "kernels_body.h"
