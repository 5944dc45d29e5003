/* Tiers: their names, what each needs, and which one this process may use. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_internal.h"

enum {
    AVX512 = SETUN_CPU_AVX2 | SETUN_CPU_AVX512 | SETUN_CPU_AVX512_VNNI,
    AVX512BF16 = AVX512 | SETUN_CPU_AVX512_VBMI | SETUN_CPU_AVX512_BF16
};

static const struct {
    setun_isa isa;
    const char *name;
    uint64_t needs;
} TIERS[] = {
    /* best first */
    {SETUN_ISA_NEON_I8MM, "neon_i8mm", SETUN_CPU_NEON | SETUN_CPU_NEON_DOT | SETUN_CPU_NEON_I8MM},
    {SETUN_ISA_NEON_DOT, "neon_dot", SETUN_CPU_NEON | SETUN_CPU_NEON_DOT},
    {SETUN_ISA_AMX, "amx", AVX512BF16 | SETUN_CPU_AMX_INT8 | SETUN_CPU_AMX_BF16},
    {SETUN_ISA_AVX512BF16, "avx512bf16", AVX512BF16},
    {SETUN_ISA_AVX512, "avx512", AVX512},
    {SETUN_ISA_AVXVNNI, "avxvnni", SETUN_CPU_AVX2 | SETUN_CPU_AVXVNNI},
    {SETUN_ISA_AVX2, "avx2", SETUN_CPU_AVX2},
    {SETUN_ISA_PORTABLE, "portable", 0},
};
enum { TIER_COUNT = sizeof TIERS / sizeof TIERS[0] };

static setun_cpu_detected detected;
static char limit_text[64];
static bool limited;
static setun_isa limit;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void detect(void) {
    detected = setun_cpu_detect();
    const char *text = getenv("SETUN_ISA");
    limited = text != NULL && text[0] != '\0';
    if (limited) {
        snprintf(limit_text, sizeof limit_text, "%s", text);
        limit = setun_isa_parse(text);
    }
}

uint64_t setun_cpu_features(void) {
    pthread_once(&once, detect);
    return detected.usable;
}

uint64_t setun_cpu_disabled_features(void) {
    pthread_once(&once, detect);
    return detected.disabled;
}

const char *setun_cpu_isa_limit_text(void) {
    pthread_once(&once, detect);
    return limited ? limit_text : NULL;
}

setun_isa setun_cpu_best_isa_up_to(setun_isa highest) {
    for (int i = 0; i < TIER_COUNT; i++) {
        if (TIERS[i].isa <= highest && setun_cpu_supports(TIERS[i].isa)) {
            return TIERS[i].isa;
        }
    }
    return SETUN_ISA_PORTABLE;
}

setun_isa setun_cpu_best_isa(void) {
    pthread_once(&once, detect);
    if (!limited) {
        return setun_cpu_best_isa_up_to(TIERS[0].isa);
    }
    return limit == -1 ? -1 : setun_cpu_best_isa_up_to(limit);
}

int32_t setun_cpu_supports(setun_isa isa) {
    for (int i = 0; i < TIER_COUNT; i++) {
        if (TIERS[i].isa == isa) {
            return (setun_cpu_features() & TIERS[i].needs) == TIERS[i].needs;
        }
    }
    return 0;
}

const char *setun_isa_name(setun_isa isa) {
    for (int i = 0; i < TIER_COUNT; i++) {
        if (TIERS[i].isa == isa) {
            return TIERS[i].name;
        }
    }
    return NULL;
}

setun_isa setun_isa_parse(const char *name) {
    for (int i = 0; name != NULL && i < TIER_COUNT; i++) {
        if (strcmp(TIERS[i].name, name) == 0) {
            return TIERS[i].isa;
        }
    }
    return -1;
}
