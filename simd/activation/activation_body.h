/* The fused activations of one tier; included once per tier with ACTIVATION_KERNELS as the name of its table. A row takes two
 * sub-passes: its values, their squares and the largest |value * w|; then the codes, from values that now lie in the cache. Both ask for
 * the next row as they go, so that the memory does not wait for arithmetic. */
#include "simd/activation/activation.h"
#include "simd/common/quantize_row.h"
#include "simd/common/rms.h"
#include "simd/common/vec_glu.h"
#include "simd/ternary/ternary.h"

/* What a row is made of: a alone, a + b, or act(a) * b. Constants, so that each kind gets loops of its own. */
enum { ROW_PLAIN, ROW_SUM, ROW_SILU, ROW_RELU2 };

/* What a sub-pass asks for while it works: one value there for each `spread` values here. */
typedef struct ahead {
    const float *from;
    int64_t spread;
} ahead;

/* What the first sub-pass finds out about a row. */
typedef struct row_facts {
    double squares;
    vi largest; /* quantize_magnitude of value * w, or of the value */
} row_facts;

/* One group of SUM_LANES values; written to `row` unless they are a's own. w may be NULL. */
VF_INLINE void group(int kind, const float *a, const float *b, const float *w, float *row, vd lane[SUM_WIDE_VECS], vi *largest) {
#pragma GCC unroll 4
    for (int v = 0; v < SUM_VECS; v++) {
        vf value = vf_load(a + v * VF_LANES);
        if (kind != ROW_PLAIN) {
            vf other = vf_load(b + v * VF_LANES);
            value = kind == ROW_SUM ? value + other : glu_of(kind == ROW_SILU ? SETUN_GLU_SILU : SETUN_GLU_RELU2, value, other);
            vf_store(row + v * VF_LANES, value);
        }
        *largest = vi_max(*largest, quantize_magnitude(w == NULL ? value : value * vf_load(w + v * VF_LANES)));
    }
    if (w != NULL) {
        fixed_add_squares(kind == ROW_PLAIN ? a : row, lane);
    }
}

VF_INLINE row_facts first_pass(int kind, const float *a, const float *b, const float *w, int64_t d, float *row, ahead next) {
    fixed_tree tree;
    row_facts facts = {0, vi_set1(0)};
    tree.chunks = tree.levels = 0;
    for (int64_t i = 0; i < d;) {
        int64_t end = d - i < SUM_CHUNK ? d : i + SUM_CHUNK;
        vd lane[SUM_WIDE_VECS] = {0};
        double wide[SUM_LANES];
#pragma GCC unroll 2
        for (; i + SUM_LANES <= end; i += SUM_LANES) {
            __builtin_prefetch(next.from + i / next.spread, 0, 2);
            group(kind, a + i, b + i, w == NULL ? NULL : w + i, row + i, lane, &facts.largest);
        }
        if (i < end) {
            float as[SUM_LANES], bs[SUM_LANES], ws[SUM_LANES], values[SUM_LANES];
            fixed_pad(a + i, end - i, as);
            fixed_pad(kind == ROW_PLAIN ? a + i : b + i, end - i, bs);
            fixed_pad(w == NULL ? a + i : w + i, end - i, ws);
            group(kind, as, bs, w == NULL ? NULL : ws, values, lane, &facts.largest);
            if (kind != ROW_PLAIN) {
                memcpy(row + i, values, (size_t)(end - i) * sizeof(float));
            }
            i = end;
        }
        memcpy(wide, lane, sizeof wide);
        fixed_tree_add(&tree, fixed_fold(wide));
    }
    facts.squares = fixed_tree_sum(&tree);
    return facts;
}

/* Where the results of one row go. */
typedef struct row_results {
    float *y; /* or NULL */
    int8_t *q;
    float *step;
    int32_t *sum;
} row_results;

/* (row * w) * rstd, or the row itself where w is NULL, to codes and to y, in this order: y may be the row. */
VF_INLINE void second_pass(const float *row, const float *w, float rstd, float absmax, int64_t d, row_results out, ahead next) {
    quantizer codes = quantize_begin(absmax);
    if (codes.finite) {
        VF_EACH(j, lanes, d, {
            __builtin_prefetch(next.from + j / next.spread, 0, 2);
            vf value = vf_get(row + j, lanes);
            quantize_vector(&codes, w == NULL ? value : rms_scaled(value, vf_get(w + j, lanes), rstd), lanes, out.q + j);
        });
    }
    quantize_end(&codes, d, ternary_padded(d), out.q, out.step, out.sum);
    if (out.y != NULL && (w != NULL || out.y != row)) {
        VF_EACH(j, lanes, d, {
            vf value = vf_get(row + j, lanes);
            vf_put(out.y + j, lanes, w == NULL ? value : rms_scaled(value, vf_get(w + j, lanes), rstd));
        });
    }
}

VF_INLINE void rmsnorm_rows(int kind, const setun_rmsnorm_quantize_args *args, int64_t first, int64_t last, float *scratch) {
    int64_t d = args->d;
    for (int64_t i = first; i < last; i++) {
        const float *x = args->x + i * d, *other = kind == ROW_SUM ? args->residual + i * d : x;
        float *h = args->h == NULL ? scratch : args->h + i * d;
        const float *row = kind == ROW_SUM ? h : x;
        ahead now = {x + d, kind == ROW_SUM ? 1 : 2}, later = {kind == ROW_SUM ? other + d : x + d + d / 2, now.spread};
        row_facts facts = first_pass(kind, x, other, args->w, d, h, now);
        float rstd = rms_of_squares(facts.squares, d, args->eps);
        row_results out = {args->y == NULL ? NULL : args->y + i * d, args->q + i * args->ldq, args->step + i, args->sum + i};
        second_pass(row, args->w, rstd, quantize_absmax(facts.largest) * rstd, d, out, later);
        if (args->rstd != NULL) {
            args->rstd[i] = rstd;
        }
    }
}

static void rmsnorm_quantize(const setun_rmsnorm_quantize_args *args, int64_t first, int64_t last, float *scratch) {
    if (args->residual == NULL) {
        rmsnorm_rows(ROW_PLAIN, args, first, last, scratch);
    } else {
        rmsnorm_rows(ROW_SUM, args, first, last, scratch);
    }
}

VF_INLINE void glu_rows(int kind, const setun_glu_quantize_args *args, int64_t first, int64_t last, float *scratch) {
    int64_t d = args->d;
    for (int64_t i = first; i < last; i++) {
        const float *gate = args->gate + i * d, *up = args->up + i * d;
        row_results out = {args->y == NULL ? NULL : args->y + i * d, args->q + i * args->ldq, args->step + i, args->sum + i};
        ahead now = {gate + d, 1}, later = {up + d, 1};
        if (args->w == NULL) {
            row_facts facts = first_pass(kind, gate, up, NULL, d, out.y == NULL ? scratch : out.y, now);
            second_pass(out.y == NULL ? scratch : out.y, NULL, 1, quantize_absmax(facts.largest), d, out, later);
        } else {
            row_facts facts = first_pass(kind, gate, up, args->w, d, scratch, now);
            float rstd = rms_of_squares(facts.squares, d, args->eps);
            second_pass(scratch, args->w, rstd, quantize_absmax(facts.largest) * rstd, d, out, later);
        }
    }
}

static void glu_quantize(const setun_glu_quantize_args *args, int64_t first, int64_t last, float *scratch) {
    if (args->kind == SETUN_GLU_SILU) {
        glu_rows(ROW_SILU, args, first, last, scratch);
    } else {
        glu_rows(ROW_RELU2, args, first, last, scratch);
    }
}

const setun_activation_kernels ACTIVATION_KERNELS = {.rmsnorm_quantize = rmsnorm_quantize, .glu_quantize = glu_quantize};
