/* Hadamard transforms of one tier; included once per tier with HADAMARD_KERNELS as the name of its table. The stages of the power of two
 * run first, in passes of several stages each, then the Paley factors from the innermost to the outermost. The last pass scales. */
#include "simd/common/bf16.h"
#include "simd/common/quantize_row.h"
#include "simd/hadamard/factors_body.h"
#include "simd/hadamard/hadamard.h"
#include "simd/hadamard/power_body.h"
#include "simd/ternary/ternary.h"

/* One block: dst = H (signs * src), or with H^T. signs: those of the whole row, of which the block starts at value `at`. */
static void transform_block(const hadamard_job *job, const float *src, float *dst, const uint8_t *signs, int64_t at) {
    const hadamard_factors *factors = &job->factors;
    int64_t power = INT64_C(1) << factors->power;
    float scale = factors->paley == 0 ? job->scale : 1;
    transform_power(src, dst, factors->block, factors->power, signs, at, scale);
    for (int64_t f = factors->paley, stride = power; f-- > 0; stride *= factors->order[f]) {
        int32_t order = factors->order[f];
        paley paley = {order, hadamard_is_conference(order), job->inverse, job->signs_of[f], f == 0 ? job->scale : 1};
        for (int64_t i = 0; i < factors->block; i += order * stride) {
            transform_paley(&paley, dst + i, stride);
        }
    }
}

static void transform_row(const hadamard_job *job, const float *src, float *dst) {
    const uint8_t *before = job->inverse ? NULL : job->signs, *after = job->inverse ? job->signs : NULL;
    for (int64_t i = 0; i < job->n; i += job->factors.block) {
        transform_block(job, src + i, dst + i, before, i);
    }
    if (after != NULL) {
        VF_FOR(i, lanes, job->n) { vf_put(dst + i, lanes, with_signs(vf_get(dst + i, lanes), after, i, lanes)); }
    }
}

static void transform_bf16_row(const hadamard_job *job, const bf16 *src, bf16 *dst, float *row) {
    VF_FOR(i, lanes, job->n) { vf_put(row + i, lanes, vf_get_bf16(src + i, lanes)); }
    transform_row(job, row, row);
    VF_FOR(i, lanes, job->n) { vf_put_bf16(dst + i, lanes, vf_get(row + i, lanes)); }
}

/* True if the rows are one run of transforms of a power of two, so that no row costs anything of its own. */
static bool rows_in_one_run(const hadamard_job *job) {
    bool plain = job->factors.paley == 0 && job->signs == NULL && job->type == SETUN_F32 && job->q == NULL;
    return plain && job->ldx == job->n && job->ldy == job->n;
}

static void rows(const hadamard_job *job, int64_t first, int64_t last, float *scratch) {
    if (rows_in_one_run(job)) {
        const float *x = (const float *)job->x + first * job->n;
        float *y = (float *)job->y + first * job->n;
        transform_power(x, y, (last - first) * job->n, job->factors.power, NULL, 0, job->scale);
        return;
    }
    for (int64_t i = first; i < last; i++) {
        if (job->type == SETUN_BF16) {
            transform_bf16_row(job, (const bf16 *)job->x + i * job->ldx, (bf16 *)job->y + i * job->ldy, scratch);
            continue;
        }
        float *y = job->y == NULL ? scratch : (float *)job->y + i * job->ldy;
        transform_row(job, (const float *)job->x + i * job->ldx, y);
        if (job->q != NULL) {
            quantize_row(y, job->n, ternary_padded(job->n), job->q + i * job->ldq, job->step + i, job->sum + i);
        }
    }
}

const setun_hadamard_kernels HADAMARD_KERNELS = {.rows = rows};
