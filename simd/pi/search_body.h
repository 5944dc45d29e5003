/* The step of a block: candidates, and the errors that they cause. Included once per tier. */
#include "half.h"
#include "simd/common/fixed_sums.h"
#include "simd/common/quantize_row.h"
#include "simd/pi/pi.h"

/* Several candidates go over the values side by side, each with sums of its own: the order within one is fixed, and a single chain of
 * additions would wait for itself. */
enum { PI_VECS = SUM_LANES / VF_LANES, PI_ABREAST = VF_LANES / 4 };

/* Candidates for a step, by magnitude, and the lanes and sums of their errors: of the positive ones, then of the negative ones. Rounded up
 * to whole vectors, with steps of NaN that are never chosen. */
typedef struct pi_search {
    _Alignas(64) float step[SETUN_PI_MOST_FACTORS], inverse[SETUN_PI_MOST_FACTORS];
    _Alignas(64) float lanes[2][SETUN_PI_MOST_FACTORS][SUM_LANES];
    _Alignas(64) float sums[2][SETUN_PI_MOST_FACTORS];
} pi_search;

/* To f16 and back. */
VF_INLINE float rounded_step(float step) {
#if defined(__F16C__)
    return _cvtsh_ss(_cvtss_sh(step, _MM_FROUND_TO_NEAREST_INT));
#else
    return setun_half_to_float(setun_half_from_float(step));
#endif
}

/* The largest magnitude; not finite if a value is not. */
VF_INLINE float block_absmax(const float *x) {
    vi largest[4] = {vi_set1(0), vi_set1(0), vi_set1(0), vi_set1(0)};
#pragma GCC unroll 4
    for (int i = 0; i < PI_BLOCK; i += 4 * VF_LANES) {
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++) {
            largest[v] = vi_max(largest[v], quantize_magnitude(vf_load(x + i + v * VF_LANES)));
        }
    }
    return quantize_absmax(vi_max(vi_max(largest[0], largest[1]), vi_max(largest[2], largest[3])));
}

/* The sums of 16 lanes, folded by halves. */
VF_INLINE void fold_sums(float (*lanes)[SUM_LANES], int count, float *out) {
#if defined(__AVX512F__)
    /* Sixteen rows of lanes fold at once: halves of two rows come to lie side by side, then quarters of four, and so on. */
    for (int r = 0; r < count; r += 16) {
        __m512 quarter[4], eighth[2];
        for (int q = 0; q < 4; q++) {
            __m512 half[2];
            for (int h = 0; h < 2; h++) {
                __m512 a = _mm512_load_ps(lanes[r + 4 * q + 2 * h]), b = _mm512_load_ps(lanes[r + 4 * q + 2 * h + 1]);
                half[h] = _mm512_shuffle_f32x4(a, b, 0x44) + _mm512_shuffle_f32x4(a, b, 0xEE);
            }
            quarter[q] = _mm512_shuffle_f32x4(half[0], half[1], 0x88) + _mm512_shuffle_f32x4(half[0], half[1], 0xDD);
        }
        for (int e = 0; e < 2; e++) {
            __m512d a = _mm512_castps_pd(quarter[2 * e]), b = _mm512_castps_pd(quarter[2 * e + 1]);
            eighth[e] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b)) + _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
        __m512 sums = _mm512_shuffle_ps(eighth[0], eighth[1], 0x88) + _mm512_shuffle_ps(eighth[0], eighth[1], 0xDD);
        /* Lane 4 i + q holds row 4 q + i. */
        const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        _mm512_store_ps(out + r, _mm512_permutexvar_ps(order, sums));
    }
#else
    for (int r = 0; r < count; r++) {
        float *lane = lanes[r];
        for (int half = SUM_LANES / 2; half > 0; half /= 2) {
            for (int j = 0; j < half; j++) {
                lane[j] += lane[j + half];
            }
        }
        out[r] = lane[0];
    }
#endif
}

VF_INLINE vf weighted_square(vf lost, const float *importance, int i) {
    vf square = lost * lost;
    return importance == NULL ? square : square * vf_load(importance + i);
}

/* a - b, by the units that multiply: those that add are busy with rounding and comparing here. */
VF_INLINE vf vf_minus(vf a, vf b) {
#if defined(__AVX512F__)
    return _mm512_fmsub_ps(a, _mm512_set1_ps(1.0f), b);
#else
    return a - b;
#endif
}

/* Magnitudes of a block, and what each may round to at most with a step of either sign: a uniform grid reaches from -half to half - 1, and
 * the sign of the step says which end is that of positive values. */
typedef struct uniform_block {
    _Alignas(64) float magnitude[PI_BLOCK], limit[2][PI_BLOCK];
} uniform_block;

VF_INLINE void uniform_prepare(const float *x, float half, uniform_block *block) {
    for (int i = 0; i < PI_BLOCK; i += VF_LANES) {
        vf value = vf_load(x + i), limit = vf_select(value < 0, vf_set1(half), vf_set1(half - 1));
        vf_store(block->magnitude + i, vf_abs(value));
        vf_store(block->limit[0] + i, limit);
        vf_store(block->limit[1] + i, vf_set1(2 * half - 1) - limit);
    }
}

/* Errors of PI_ABREAST candidates from c on, of a uniform grid. Rounding a magnitude is the same for either sign of the step. */
VF_INLINE void uniform_errors(const uniform_block *block, const float *importance, const int both, int c, pi_search *s) {
    vf sum[PI_ABREAST][2][PI_VECS] = {0};
    for (int i = 0; i < PI_BLOCK; i += SUM_LANES) {
#pragma GCC unroll 4
        for (int v = 0; v < PI_VECS; v++) {
            int at = i + v * VF_LANES;
            vf magnitude = vf_load(block->magnitude + at), limit = vf_load(block->limit[0] + at), mirrored = vf_load(block->limit[1] + at);
#pragma GCC unroll 4
            for (int a = 0; a < PI_ABREAST; a++) {
                vf z = magnitude * vf_set1(s->inverse[c + a]), rounded = vf_round(z);
                sum[a][0][v] += weighted_square(vf_minus(z, vf_min(rounded, limit)), importance, at);
                if (both) {
                    sum[a][1][v] += weighted_square(vf_minus(z, vf_min(rounded, mirrored)), importance, at);
                }
            }
        }
    }
    for (int a = 0; a < PI_ABREAST; a++) {
        for (int v = 0; v < PI_VECS; v++) {
            vf_store(s->lanes[0][c + a] + v * VF_LANES, sum[a][0][v]);
            if (both) {
                vf_store(s->lanes[1][c + a] + v * VF_LANES, sum[a][1][v]);
            }
        }
    }
}


/* The lesser magnitude. */
VF_INLINE vf vf_nearer(vf a, vf b) {
#if defined(__AVX512DQ__)
    return _mm512_range_ps(a, b, 0x0A);
#else
    return vf_min(vf_abs(a), vf_abs(b));
#endif
}

/* The same of a symmetric grid, which is its own mirror image. */
VF_INLINE void symmetric_errors(const float *x, const float *importance, const float *magnitude, const int levels, int c, pi_search *s) {
    vf sum[PI_ABREAST][PI_VECS] = {0};
    for (int i = 0; i < PI_BLOCK; i += SUM_LANES) {
#pragma GCC unroll 4
        for (int v = 0; v < PI_VECS; v++) {
            int at = i + v * VF_LANES;
            vf value = vf_abs(vf_load(x + at));
#pragma GCC unroll 4
            for (int a = 0; a < PI_ABREAST; a++) {
                vf z = value * vf_set1(s->inverse[c + a]);
                vf lost = vf_nearer(z - vf_set1(magnitude[0]), vf_minus(z, vf_set1(magnitude[1])));
                if (levels == 4) {
                    lost = vf_nearer(lost, vf_nearer(vf_minus(z, vf_set1(magnitude[2])), vf_minus(z, vf_set1(magnitude[3]))));
                }
                sum[a][v] += weighted_square(lost, importance, at);
            }
        }
    }
    for (int a = 0; a < PI_ABREAST; a++) {
        for (int v = 0; v < PI_VECS; v++) {
            vf_store(s->lanes[0][c + a] + v * VF_LANES, sum[a][v]);
        }
    }
}

/* Fills s->sums. Each case is inlined by itself, so that its loop does not branch. */
VF_INLINE void errors_of(const float *x, const float *importance, const pi_grid *grid, int both, int count, pi_search *s) {
    uniform_block block;
    if (grid->uniform) {
        uniform_prepare(x, (float)grid->half, &block);
    }
    for (int c = 0; c < count; c += PI_ABREAST) {
        if (!grid->uniform && grid->bits == 2) {
            symmetric_errors(x, importance, grid->magnitude, 2, c, s);
        } else if (!grid->uniform) {
            symmetric_errors(x, importance, grid->magnitude, 4, c, s);
        } else if (both) {
            uniform_errors(&block, importance, 1, c, s);
        } else {
            uniform_errors(&block, importance, 0, c, s);
        }
    }
    fold_sums(s->lanes[0], count, s->sums[0]);
    if (both) {
        fold_sums(s->lanes[1], count, s->sums[1]);
    }
}

/* base * factors rounded to f16, and their inverses; returns their number, rounded up. */
VF_INLINE int candidates_of(float base, const pi_scaling *scaling, pi_search *s) {
    int count = (scaling->count + SUM_LANES - 1) / SUM_LANES * SUM_LANES;
    memcpy(s->step, scaling->factors, (size_t)scaling->count * sizeof(float));
    for (int c = scaling->count; c < count; c++) {
        s->step[c] = NAN;
    }
#if defined(__F16C__)
    for (int c = 0; c < count; c += 8) {
        __m256 product = _mm256_set1_ps(base) * _mm256_load_ps(s->step + c);
        __m256 step = _mm256_cvtph_ps(_mm256_cvtps_ph(product, _MM_FROUND_TO_NEAREST_INT));
        _mm256_store_ps(s->step + c, step);
        _mm256_store_ps(s->inverse + c, _mm256_set1_ps(1.0f) / step);
    }
#else
    for (int c = 0; c < count; c++) {
        s->step[c] = rounded_step(base * s->step[c]);
        s->inverse[c] = 1.0f / s->step[c];
    }
#endif
    return count;
}

/* The least of the errors and the first candidate that has it; infinity where there is none. Errors of steps that are 0 are infinite or NaN
 * before they are multiplied with it, so that they and those of infinite steps end as NaN or infinity. */
VF_INLINE int least_error(const float *step, float *error, int count, float *least) {
    vf lowest = vf_set1(INFINITY);
    for (int c = 0; c < count; c += VF_LANES) {
        vf s = vf_load(step + c), total = vf_load(error + c) * (s * s);
        vf_store(error + c, total);
        lowest = vf_min(total, lowest); /* a NaN is passed over */
    }
    *least = -vf_highest(-lowest);
    if (!(*least < INFINITY)) {
        return 0;
    }
    int first = 0;
#if defined(__AVX512F__)
    for (__mmask16 found = 0; found == 0; first += VF_LANES) {
        found = _mm512_cmp_ps_mask(vf_load(error + first), vf_set1(*least), _CMP_EQ_OQ);
        if (found != 0) {
            return first + __builtin_ctz(found);
        }
    }
#else
    while (error[first] != *least) {
        first++;
    }
#endif
    return first;
}

/* The candidate with the least error. */
static float search_step(const float *x, const float *importance, const pi_grid *grid, const pi_scaling *scaling, float base, float first) {
    pi_search s;
    int count = candidates_of(base, scaling, &s), both = grid->uniform && scaling->both_signs;
    if (importance == NULL) {
        errors_of(x, NULL, grid, both, count, &s);
    } else {
        errors_of(x, importance, grid, both, count, &s);
    }
    float least, mirrored = INFINITY;
    int best = least_error(s.step, s.sums[0], count, &least), other = 0;
    if (both) {
        other = least_error(s.step, s.sums[1], count, &mirrored);
    }
    if (mirrored < least || (mirrored == least && mirrored < INFINITY && other < best)) {
        return -s.step[other];
    }
    return least < INFINITY ? s.step[best] : first < INFINITY ? first : NAN;
}

/* The step of a block; NaN if it has none. */
VF_INLINE float choose_step(const float *x, const float *importance, const pi_grid *grid, const pi_scaling *scaling) {
    float base = block_absmax(x);
    if (!(base < INFINITY)) {
        return NAN;
    }
    if (scaling->base == SETUN_PI_RMS) {
        base = (float)sqrt(fixed_chunk_squares(x, PI_BLOCK) / PI_BLOCK);
    }
    float first = rounded_step(base * scaling->factors[0]);
    if (scaling->count > 1 || scaling->both_signs) {
        return search_step(x, importance, grid, scaling, base, first);
    }
    return first < INFINITY ? first : NAN;
}
