/* Which bf16 kernels run on which tier: the first row that is not above it. */
#include "simd/gemm/packed.h"

extern const packed_kernels setun_bf16_portable, setun_bf16_avx2, setun_bf16_avx512, setun_bf16_avx512bf16, setun_bf16_amx;

static const struct {
    setun_isa lowest;
    const packed_kernels *kernels;
} TABLE[] = {
#if defined(__x86_64__)
    {SETUN_ISA_AMX, &setun_bf16_amx},       {SETUN_ISA_AVX512BF16, &setun_bf16_avx512bf16},
    {SETUN_ISA_AVX512, &setun_bf16_avx512}, {SETUN_ISA_AVX2, &setun_bf16_avx2},
#endif
    {SETUN_ISA_PORTABLE, &setun_bf16_portable}};

const packed_kernels *setun_bf16_select(setun_isa isa) {
    size_t row = 0;
    while (isa < TABLE[row].lowest) {
        row++;
    }
    return TABLE[row].kernels;
}
