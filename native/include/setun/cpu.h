/* What the processor offers and the operating system has enabled. */
#ifndef SETUN_CPU_H
#define SETUN_CPU_H

#include "setun/status.h"

/* Feature bits. A bit is set only if the CPU reports the feature and the OS saves its registers (XCR0 0xE6 for
 * AVX-512; arch_prctl permission for AMX, asked once per process). */
enum {
    SETUN_CPU_AVX2 = 1 << 0, /* AVX2 + FMA + F16C */
    SETUN_CPU_AVXVNNI = 1 << 1,
    SETUN_CPU_AVX512 = 1 << 2, /* F + BW + DQ + VL */
    SETUN_CPU_AVX512_VNNI = 1 << 3,
    SETUN_CPU_AVX512_VBMI = 1 << 4,
    SETUN_CPU_AVX512_BF16 = 1 << 5,
    SETUN_CPU_AMX_INT8 = 1 << 6,
    SETUN_CPU_AMX_BF16 = 1 << 7,
    SETUN_CPU_NEON = 1 << 8,
    SETUN_CPU_NEON_DOT = 1 << 9,
    SETUN_CPU_NEON_I8MM = 1 << 10
};

/* Kernel tiers, in rising order within an architecture. A family that has no kernel of a tier uses the next lower one. */
typedef int32_t setun_isa;
enum {
    SETUN_ISA_PORTABLE = 0,
    SETUN_ISA_AVX2 = 1,
    SETUN_ISA_AVXVNNI = 2,
    SETUN_ISA_AVX512 = 3, /* AVX-512 F/BW/DQ/VL with VNNI */
    SETUN_ISA_AVX512BF16 = 4, /* AVX512 tier with VBMI and BF16 (Zen 4, Sapphire Rapids) */
    SETUN_ISA_AMX = 5,        /* AVX512BF16 tier with AMX-INT8 and AMX-BF16 */
    SETUN_ISA_NEON_DOT = 11,
    SETUN_ISA_NEON_I8MM = 12
};

/* OR of the SETUN_CPU_* bits that are usable in this process. Detected once. */
SETUN_API uint64_t setun_cpu_features(void);

/* Bits that the CPU has but the OS has not enabled (a reason for a warning). */
SETUN_API uint64_t setun_cpu_disabled_features(void);

/* The best tier that this process may use, after the environment variable SETUN_ISA (which only lowers it). -1 if SETUN_ISA holds an
 * unknown name: setun_context_create then fails and names it. The variable is read once per process. */
SETUN_API setun_isa setun_cpu_best_isa(void);

/* 1 if the CPU can run the tier, else 0. */
SETUN_API int32_t setun_cpu_supports(setun_isa isa);

/* "portable", "avx2", "avxvnni", "avx512", "avx512bf16", "amx", "neon_dot", "neon_i8mm"; NULL for an unknown value. */
SETUN_API const char *setun_isa_name(setun_isa isa);

/* The tier of a name, or -1. */
SETUN_API setun_isa setun_isa_parse(const char *name);

#endif
