/* The dispatch table of a family that has a kernel table per vector width: best first, the first that the tier allows is taken. On
 * AArch64, NEON is part of the baseline, so the portable file (GNU vectors of 4 lanes) is the NEON tier. */
#ifndef SETUN_TIERS_H
#define SETUN_TIERS_H

#include <stddef.h>

#include "setun/cpu.h"

#if defined(__x86_64__)
#define SETUN_TIER_ROWS(name) {SETUN_ISA_AVX512, &name##_avx512}, {SETUN_ISA_AVX2, &name##_avx2},
#else
#define SETUN_TIER_ROWS(name)
#endif

/* Defines name_select(isa) over the tables name_portable, name_avx2, name_avx512. */
#define SETUN_TIERS(type, name)                                                                                              \
    extern const type name##_portable, name##_avx2, name##_avx512;                                                           \
    static const struct {                                                                                                    \
        setun_isa lowest;                                                                                                    \
        const type *kernels;                                                                                                 \
    } tiers[] = {SETUN_TIER_ROWS(name){SETUN_ISA_PORTABLE, &name##_portable}};                                               \
    const type *name##_select(setun_isa isa) {                                                                               \
        size_t tier = 0;                                                                                                     \
        while (isa < tiers[tier].lowest) {                                                                                   \
            tier++;                                                                                                          \
        }                                                                                                                    \
        return tiers[tier].kernels;                                                                                          \
    }

#endif
