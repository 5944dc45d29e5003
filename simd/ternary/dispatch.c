/* Which kernels run on which tier: a context takes the first row that is not above its tier. */
#include <stddef.h>

#include "dense.h"
#include "kernels.h"

/* clang-format off */
static const ternary_kernels TABLE[] = {
/*   tier                    elementwise             dots                     scratch rows      many columns          fp32 activations
 *                           dense to planes                  dense GEMV */
#if defined(__aarch64__)
    {SETUN_ISA_NEON_I8MM,   &ternary_rows_portable, ternary_dots_neon_i8mm, 0,                NULL,                 ternary_dots_f32_portable,
                             ternary_dense_planes_portable,   NULL},
    {SETUN_ISA_NEON_DOT,    &ternary_rows_portable, ternary_dots_neon_dot,  0,                NULL,                 ternary_dots_f32_portable,
                             ternary_dense_planes_portable,   NULL},
#elif defined(__x86_64__)
    {SETUN_ISA_AMX,         &ternary_rows_avx512,   ternary_dots_amx,       TERNARY_AMX_ROWS, NULL,                 ternary_dots_f32_avx512,
                             ternary_dense_planes_avx512,     ternary_dense_gemv_avx512bf16},
    {SETUN_ISA_AVX512BF16,  &ternary_rows_avx512,   ternary_dots_avx512,    0,                &ternary_wide_avx512, ternary_dots_f32_avx512,
                             ternary_dense_planes_avx512,     ternary_dense_gemv_avx512bf16},
    {SETUN_ISA_AVX512,      &ternary_rows_avx512,   ternary_dots_avx512,    0,                &ternary_wide_avx512, ternary_dots_f32_avx512,
                             ternary_dense_planes_avx512,     NULL},
    {SETUN_ISA_AVXVNNI,     &ternary_rows_avx2,     ternary_dots_avxvnni,   0,                NULL,                 ternary_dots_f32_avx2,
                             ternary_dense_planes_avx2,       NULL},
    {SETUN_ISA_AVX2,        &ternary_rows_avx2,     ternary_dots_avx2,      0,                NULL,                 ternary_dots_f32_avx2,
                             ternary_dense_planes_avx2,       NULL},
#endif
    {SETUN_ISA_PORTABLE,    &ternary_rows_portable, ternary_dots_portable,  0,                NULL,                 ternary_dots_f32_portable,
                             ternary_dense_planes_portable,   NULL},
};
/* clang-format on */

const ternary_kernels *ternary_kernels_of(const setun_context *context) {
    const ternary_kernels *row = TABLE;
    while (row->isa > setun_context_isa(context)) {
        row++;
    }
    return row;
}
