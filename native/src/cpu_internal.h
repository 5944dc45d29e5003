/* CPU detection inside the library. */
#ifndef SETUN_CPU_INTERNAL_H
#define SETUN_CPU_INTERNAL_H

#include "setun/cpu.h"

#define SETUN_ISA_NAMES "portable, avx2, avxvnni, avx512, avx512bf16, amx, neon_dot, neon_i8mm"

typedef struct setun_cpu_detected {
    uint64_t usable;   /* CPU and OS */
    uint64_t disabled; /* CPU, but not the OS */
} setun_cpu_detected;

/* Implemented once per architecture (cpu_x86.c, cpu_arm.c, cpu_generic.c). */
setun_cpu_detected setun_cpu_detect(void);

/* The text of SETUN_ISA when the process first asked, or NULL. */
const char *setun_cpu_isa_limit_text(void);

/* The best supported tier that is not above `limit`. */
setun_isa setun_cpu_best_isa_up_to(setun_isa limit);

#endif
