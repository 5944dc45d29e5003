/* NEON is part of AArch64; its dot products and int8 matrix products are announced by the kernel (Linux) or by sysctl (macOS). */
#include "cpu_internal.h"

#if defined(__linux__)
#include <sys/auxv.h>

/* Linux, arch/arm64/include/uapi/asm/hwcap.h */
static const unsigned long HWCAP_DOT = 1ul << 20, HWCAP2_INT8MM = 1ul << 13;

setun_cpu_detected setun_cpu_detect(void) {
    setun_cpu_detected r = {.usable = SETUN_CPU_NEON};
    r.usable |= (getauxval(AT_HWCAP) & HWCAP_DOT) != 0 ? SETUN_CPU_NEON_DOT : 0;
    r.usable |= (getauxval(AT_HWCAP2) & HWCAP2_INT8MM) != 0 ? SETUN_CPU_NEON_I8MM : 0;
    return r;
}

#elif defined(__APPLE__)
#include <sys/sysctl.h>

static uint64_t flag(const char *name, uint64_t bit) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0 ? bit : 0;
}

setun_cpu_detected setun_cpu_detect(void) {
    setun_cpu_detected r = {.usable = SETUN_CPU_NEON};
    r.usable |= flag("hw.optional.arm.FEAT_DotProd", SETUN_CPU_NEON_DOT);
    r.usable |= flag("hw.optional.arm.FEAT_I8MM", SETUN_CPU_NEON_I8MM);
    return r;
}

#else

setun_cpu_detected setun_cpu_detect(void) { return (setun_cpu_detected){.usable = SETUN_CPU_NEON}; }

#endif
