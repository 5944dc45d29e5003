#include "setun/context.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

uint32_t setun_abi_version(void) { return SETUN_ABI_VERSION; }

const char *setun_build_info(void) { return "setun " SETUN_VERSION " (" COMPILER ", " SETUN_BUILD_TYPE ")"; }
