/* Which kernels run on which tier: a context takes the first row that is not above its tier. */
#include "kernels.h"

/* clang-format off */
static const ternary_kernels TABLE[] = {
/*   tier                  elementwise             dots                     scratch rows       fp32 activations */
#if defined(__aarch64__)
    {SETUN_ISA_NEON_I8MM, &ternary_rows_portable, ternary_dots_neon_i8mm, 0,                ternary_dots_f32_portable},
    {SETUN_ISA_NEON_DOT,  &ternary_rows_portable, ternary_dots_neon_dot,  0,                ternary_dots_f32_portable},
#elif defined(__x86_64__)
    {SETUN_ISA_AMX,       &ternary_rows_avx512,   ternary_dots_amx,       TERNARY_AMX_ROWS, ternary_dots_f32_avx512},
    {SETUN_ISA_AVX512,    &ternary_rows_avx512,   ternary_dots_avx512,    0,                ternary_dots_f32_avx512},
    {SETUN_ISA_AVXVNNI,   &ternary_rows_avx2,     ternary_dots_avxvnni,   0,                ternary_dots_f32_avx2},
    {SETUN_ISA_AVX2,      &ternary_rows_avx2,     ternary_dots_avx2,      0,                ternary_dots_f32_avx2},
#endif
    {SETUN_ISA_PORTABLE,  &ternary_rows_portable, ternary_dots_portable,  0,                ternary_dots_f32_portable},
};
/* clang-format on */

const ternary_kernels *ternary_kernels_of(const setun_context *context) {
    const ternary_kernels *row = TABLE;
    while (row->isa > setun_context_isa(context)) {
        row++;
    }
    return row;
}
