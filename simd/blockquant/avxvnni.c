#define TIER avxvnni
#include "kernels_body.h"
