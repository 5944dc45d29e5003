/* CPUID says what the CPU has, XCR0 which registers the OS saves. AMX also needs the kernel's permission for the tile data of this
 * process (Linux 5.16, Documentation/arch/x86/xstate.rst). Bits: Intel SDM vol. 2A, CPUID, and vol. 1 ch. 13. */
#include <cpuid.h>
#include <stdbool.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "cpu_internal.h"

enum { XCR0_AVX = 0x06, XCR0_AVX512 = 0xE6, XCR0_AMX = 0x60000, TILE_DATA = 18, ARCH_REQ_XCOMP_PERM = 0x1023 };

struct cpuid {
    unsigned a, b, c, d;
};

static struct cpuid cpuid(unsigned leaf, unsigned subleaf) {
    struct cpuid r = {0};
    __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
    return r;
}

static uint64_t read_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool request_tiles(void) {
#if defined(__linux__)
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0;
#else
    return false;
#endif
}

static bool has(unsigned word, unsigned bit) { return (word >> bit & 1) != 0; }

setun_cpu_detected setun_cpu_detect(void) {
    struct cpuid f1 = cpuid(1, 0), f7 = cpuid(7, 0), f71 = f7.a >= 1 ? cpuid(7, 1) : (struct cpuid){0};
    uint64_t avx = 0, avx512 = 0, amx = 0;
    if (has(f7.b, 5) && has(f1.c, 12) && has(f1.c, 29)) {
        avx |= SETUN_CPU_AVX2;
    }
    avx |= has(f71.a, 4) ? SETUN_CPU_AVXVNNI : 0;
    if (has(f7.b, 16) && has(f7.b, 17) && has(f7.b, 30) && has(f7.b, 31)) {
        avx512 |= SETUN_CPU_AVX512;
        avx512 |= has(f7.c, 11) ? SETUN_CPU_AVX512_VNNI : 0;
        avx512 |= has(f7.c, 1) ? SETUN_CPU_AVX512_VBMI : 0;
        avx512 |= has(f71.a, 5) ? SETUN_CPU_AVX512_BF16 : 0;
    }
    if (has(f7.d, 24)) {
        amx |= has(f7.d, 25) ? SETUN_CPU_AMX_INT8 : 0;
        amx |= has(f7.d, 22) ? SETUN_CPU_AMX_BF16 : 0;
    }

    uint64_t xcr0 = has(f1.c, 27) ? read_xcr0() : 0;
    setun_cpu_detected r = {0};
    *((xcr0 & XCR0_AVX) == XCR0_AVX ? &r.usable : &r.disabled) |= avx;
    *((xcr0 & XCR0_AVX512) == XCR0_AVX512 ? &r.usable : &r.disabled) |= avx512;
    bool tiles = amx != 0 && (xcr0 & XCR0_AMX) == XCR0_AMX && request_tiles();
    *(tiles ? &r.usable : &r.disabled) |= amx;
    return r;
}
