#include <stddef.h>

#include "simd/nn/attention_bf16.h"

extern const setun_attention_bf16_kernels setun_attention_bf16_portable, setun_attention_bf16_avx2, setun_attention_bf16_avx512,
    setun_attention_bf16_avx512bf16, setun_attention_bf16_amx;

static const struct {
    setun_isa lowest;
    const setun_attention_bf16_kernels *kernels;
} TIERS[] = {
/* best first */
#if defined(__x86_64__)
    {SETUN_ISA_AMX, &setun_attention_bf16_amx},
    {SETUN_ISA_AVX512BF16, &setun_attention_bf16_avx512bf16},
    {SETUN_ISA_AVX512, &setun_attention_bf16_avx512},
    {SETUN_ISA_AVX2, &setun_attention_bf16_avx2},
#endif
    {SETUN_ISA_PORTABLE, &setun_attention_bf16_portable}};

const setun_attention_bf16_kernels *setun_attention_bf16_select(setun_isa isa) {
    size_t tier = 0;
    while (isa < TIERS[tier].lowest) {
        tier++;
    }
    return TIERS[tier].kernels;
}
