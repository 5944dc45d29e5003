/* Which kernels run on which tier: a context takes the first row that is not above its tier. */
#include "blockquant.h"

extern const block_table block_table_portable, block_table_avx2, block_table_avxvnni, block_table_avx512, block_table_avx512bf16,
    block_table_amx, block_table_neon_dot;

static const struct {
    setun_isa isa;
    const block_table *table;
} TABLE[] = {
#if defined(__aarch64__)
    {SETUN_ISA_NEON_DOT, &block_table_neon_dot},
#elif defined(__x86_64__)
    {SETUN_ISA_AMX, &block_table_amx},
    {SETUN_ISA_AVX512BF16, &block_table_avx512bf16},
    {SETUN_ISA_AVX512, &block_table_avx512},
    {SETUN_ISA_AVXVNNI, &block_table_avxvnni},
    {SETUN_ISA_AVX2, &block_table_avx2},
#endif
    {SETUN_ISA_PORTABLE, &block_table_portable},
};

const block_table *block_table_of(const setun_context *context) {
    int row = 0;
    while (TABLE[row].isa > setun_context_isa(context)) {
        row++;
    }
    return TABLE[row].table;
}
