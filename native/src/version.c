#include "setun/context.h"

uint32_t setun_abi_version(void) { return SETUN_ABI_VERSION; }
