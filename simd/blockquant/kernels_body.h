/* The kernels of all formats on one tier. Included once per tier with TIER as its name; defines block_table_TIER. */
#include "list.h"
#include "scales.h"
#include "simd/common/check.h"
#include "simd/common/quantize_row.h"

/* Registers of the product of a tile: vectors of rows by columns, each with a sum of its sub-block and one of its block. */
enum { BLOCK_VECTORS = 2 };
#if defined(__AVX512F__) || defined(__ARM_FEATURE_DOTPROD)
enum { BLOCK_COLUMNS = 6 };
#elif defined(__AVX2__)
enum { BLOCK_COLUMNS = 3 };
#else
enum { BLOCK_COLUMNS = 2 };
#endif

/* Loops over registers are unrolled where there are registers to hold them. The portable tier gains nothing, and under sanitizers unrolled
 * loops take minutes to compile. */
#if (defined(__AVX2__) || defined(__ARM_FEATURE_DOTPROD)) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BLOCK_UNROLL(n) BLOCK_PRAGMA(GCC unroll n)
#define BLOCK_PRAGMA(text) _Pragma(#text)
#else
#define BLOCK_UNROLL(n)
#endif

#ifdef BLOCK_AMX
#include "simd/common/amx_intrinsics.h"
/* The intrinsics do not tell the compiler which memory they read and write. */
static inline void amx_publish(const void *memory) { __asm__ volatile("" ::"r"(memory) : "memory"); }
#endif

#include "e8p_2.h"
#include "e8p_3.h"
#include "e8p_4.h"
#include "pi.h"
#include "q2_k.h"
#include "q3_k.h"
#include "q4_0.h"
#include "q4_k.h"
#include "q5_k.h"
#include "q6_k.h"
#include "q8_0.h"

#define FORMAT q4_0
#define FORMAT_UPPER Q4_0
#include "format_body.h"
#define FORMAT q8_0
#define FORMAT_UPPER Q8_0
#include "format_body.h"
#define FORMAT q2_k
#define FORMAT_UPPER Q2_K
#include "format_body.h"
#define FORMAT q3_k
#define FORMAT_UPPER Q3_K
#include "format_body.h"
#define FORMAT q4_k
#define FORMAT_UPPER Q4_K
#include "format_body.h"
#define FORMAT q5_k
#define FORMAT_UPPER Q5_K
#include "format_body.h"
#define FORMAT q6_k
#define FORMAT_UPPER Q6_K
#include "format_body.h"
#define FORMAT e8p_2
#define FORMAT_UPPER E8P_2
#include "format_body.h"
#define FORMAT e8p_3
#define FORMAT_UPPER E8P_3
#include "format_body.h"
#define FORMAT e8p_4
#define FORMAT_UPPER E8P_4
#include "format_body.h"
#define FORMAT pi_q2
#define FORMAT_UPPER PI_Q2
#include "format_body.h"
#define FORMAT pi_q3
#define FORMAT_UPPER PI_Q3
#include "format_body.h"
#define FORMAT pi_tan2
#define FORMAT_UPPER PI_TAN2
#include "format_body.h"
#define FORMAT pi_tan3
#define FORMAT_UPPER PI_TAN3
#include "format_body.h"

static void quantize_blocks(const float *x, int64_t k, int8_t *q, float *step, int32_t *sum) {
    for (int64_t i = 0; i < k; i += BLOCK_VALUES, x += BLOCK_VALUES, q += BLOCK_VALUES, sum += BLOCK_SUMS) {
        int32_t total;
        quantize_row(x, setun_min_i64(BLOCK_VALUES, k - i), BLOCK_VALUES, q, step++, &total);
        for (int j = 0; j < BLOCK_SUMS; j++) {
            int of_16 = 0;
            for (int v = 0; v < 16; v++) {
                of_16 += q[16 * j + v];
            }
            sum[j] = of_16;
        }
    }
}

#define TABLE_(tier) block_table_##tier
#define TABLE(tier) TABLE_(tier)
#define KERNELS_(name, tier) &name##_kernels_##tier
#define KERNELS(name, tier) KERNELS_(name, tier)
#define ENTRY(NAME, name) KERNELS(name, TIER),
const block_table TABLE(TIER) = {quantize_blocks, {BLOCK_FORMATS(ENTRY)}};
