/* The tile intrinsics. A test without the hardware compiles the AMX files against tiles emulated in C. */
#if defined(SETUN_AMX_EMULATED)
#include "tests/native/amx_emulator.h"
#else
#include <immintrin.h>
#endif
