/* Products with Paley matrices, for one tier: sums in the order of the columns, with vectors along the values that share a row.
 *
 * Of a conference matrix C of order c, Paley II makes out[2i] = sum_j C[i][j] u[j] with v[i] in the place of j = i, and
 * out[2i+1] = sum_j C[i][j] v[j] with -u[i] there, where u[j] = x[2j] + x[2j+1] and v[j] = x[2j] - x[2j+1]: half the additions of the whole
 * matrix. */
#ifndef SETUN_HADAMARD_FACTORS_BODY_H
#define SETUN_HADAMARD_FACTORS_BODY_H

#include <stdbool.h>

#include "simd/common/vec.h"
#include "simd/hadamard/factors.h"

typedef struct paley {
    int32_t order;
    bool conference, transposed;
    const float *signs; /* hadamard_paley_signs */
    float scale;
} paley;

/* The numbers below q that are squares modulo q, as bits; for an odd prime q <= 19. */
#define SQUARE(q, i) (1u << (i) * (i) % (q))
#define SQUARES(q)                                                                                                                \
    (SQUARE(q, 1) | SQUARE(q, 2) | SQUARE(q, 3) | SQUARE(q, 4) | SQUARE(q, 5) | SQUARE(q, 6) | SQUARE(q, 7) | SQUARE(q, 8) | SQUARE(q, 9))
/* Those of GF(9), where x^2 = x + 1: 1, x^2 = x + 1, x^4 = 2, x^6 = 2x + 2; numbered as setun/hadamard.h says. */
#define SQUARES_GF9 (1u << 1 | 1u << 4 | 1u << 2 | 1u << 8)

/* True if C[i][j] = +1, i != j; all constants where it is used. */
VF_INLINE bool conference_plus(const int c, const int i, const int j) {
    if (i == 0 || j == 0) {
        return true;
    }
    int a = i - 1, b = j - 1;
    return c == 10 ? SQUARES_GF9 >> ((a / 3 - b / 3 + 3) % 3 * 3 + (a % 3 - b % 3 + 3) % 3) & 1
                   : SQUARES((unsigned)c - 1) >> ((a - b + c - 1) % (c - 1)) & 1;
}

/* a + b or a - b: every other one as an FMA, for the units beside those that add. */
VF_INLINE vf signed_sum(vf a, vf b, const bool plus, const bool fma) {
    if (fma) {
        return vf_fma(b, vf_set1(plus ? 1.0f : -1.0f), a);
    }
    return plus ? a + b : a - b;
}

/* One column of vectors of a conference matrix of few rows, its signs part of the code. */
VF_INLINE void conference_column(const int c, float *p, int64_t stride, float scale) {
    vf u[18], v[18];
#pragma GCC unroll 18
    for (int j = 0; j < c; j++) {
        vf a = vf_load(p + 2 * j * stride), b = vf_load(p + (2 * j + 1) * stride);
        u[j] = a + b;
        v[j] = a - b;
    }
#pragma GCC unroll 18
    for (int i = 0; i < c; i++) {
        vf even = i == 0 ? v[0] : u[0];
#pragma GCC unroll 18
        for (int j = 1; j < c; j++) {
            even = signed_sum(even, i == j ? v[i] : u[j], i == j || conference_plus(c, i, j), j & 1);
        }
        vf_store(p + 2 * i * stride, even * vf_set1(scale));
    }
#pragma GCC unroll 18
    for (int i = 0; i < c; i++) {
        vf odd = i == 0 ? -u[0] : v[0];
#pragma GCC unroll 18
        for (int j = 1; j < c; j++) {
            odd = signed_sum(odd, i == j ? u[i] : v[j], i != j && conference_plus(c, i, j), j & 1);
        }
        vf_store(p + (2 * i + 1) * stride, odd * vf_set1(scale));
    }
}

enum { PALEY_ROWS = 8 }; /* outputs that are summed at a time */

/* sums[r] = x[0] signs[r][0] + x[1] signs[r][1] + ... for `rows` rows; signs are row_step apart from row to row, column_step in a row. */
VF_INLINE void signed_sums(const vf *x, int32_t count, const float *signs, int64_t row_step, int64_t column_step, const int rows,
                           vf *sums) {
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        sums[r] = x[0] * vf_set1(signs[r * row_step]);
    }
    for (int32_t j = 1; j < count; j++) {
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            sums[r] = vf_fma(x[j], vf_set1(signs[r * row_step + j * column_step]), sums[r]);
        }
    }
}

static void any_sums(const vf *x, int32_t count, const float *signs, int64_t row_step, int64_t column_step, vf *sums) {
    int32_t r = 0;
    for (; r + PALEY_ROWS <= count; r += PALEY_ROWS) {
        vf some[PALEY_ROWS];
        signed_sums(x, count, signs + r * row_step, row_step, column_step, PALEY_ROWS, some);
        memcpy(sums + r, some, sizeof some);
    }
    for (; r < count; r++) {
        signed_sums(x, count, signs + r * row_step, row_step, column_step, 1, sums + r);
    }
}

/* One column of n lanes, of any order. */
static void any_column(const paley *paley, float *p, int64_t stride, int64_t n) {
    vf x[HADAMARD_MOST_ORDER], sums[HADAMARD_MOST_ORDER];
    int32_t order = paley->order;
    for (int32_t j = 0; j < order; j++) {
        x[j] = vf_get(p + j * stride, n);
    }
    any_sums(x, order, paley->signs, paley->transposed ? 1 : order, paley->transposed ? order : 1, sums);
    for (int32_t i = 0; i < order; i++) {
        vf_put(p + i * stride, n, sums[i] * vf_set1(paley->scale));
    }
}

/* sums[r] = sum_j C[first + r][j] x[j] with other_sign * other[j] in the place of j = first + r, in the order of j. */
VF_INLINE void conference_sums(const vf *x, const vf *other, float other_sign, int32_t c, const float *signs, int32_t first, const int rows,
                               vf *sums) {
    signs += first * c;
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        sums[r] = first + r == 0 ? other[0] * vf_set1(other_sign) : x[0];
    }
    for (int32_t j = 1; j < c; j++) {
        if (j < first || j >= first + rows) {
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                sums[r] = vf_fma(x[j], vf_set1(signs[r * c + j]), sums[r]);
            }
        } else {
            for (int r = 0; r < rows; r++) {
                bool diagonal = j == first + r;
                sums[r] = vf_fma(diagonal ? other[j] : x[j], vf_set1(diagonal ? other_sign : signs[r * c + j]), sums[r]);
            }
        }
    }
}

static void any_conference_sums(const vf *x, const vf *other, float other_sign, int32_t c, const float *signs, vf *sums) {
    int32_t r = 0;
    for (; r + PALEY_ROWS <= c; r += PALEY_ROWS) {
        vf some[PALEY_ROWS];
        conference_sums(x, other, other_sign, c, signs, r, PALEY_ROWS, some);
        memcpy(sums + r, some, sizeof some);
    }
    for (; r < c; r++) {
        conference_sums(x, other, other_sign, c, signs, r, 1, sums + r);
    }
}

static void any_conference_column(const paley *paley, float *p, int64_t stride, int64_t n) {
    vf u[HADAMARD_MOST_ORDER / 2], v[HADAMARD_MOST_ORDER / 2], even[HADAMARD_MOST_ORDER / 2], odd[HADAMARD_MOST_ORDER / 2];
    int32_t c = paley->order / 2;
    for (int32_t j = 0; j < c; j++) {
        vf a = vf_get(p + 2 * j * stride, n), b = vf_get(p + (2 * j + 1) * stride, n);
        u[j] = a + b;
        v[j] = a - b;
    }
    any_conference_sums(u, v, 1, c, paley->signs, even);
    any_conference_sums(v, u, -1, c, paley->signs, odd);
    for (int32_t i = 0; i < c; i++) {
        vf_put(p + 2 * i * stride, n, even[i] * vf_set1(paley->scale));
        vf_put(p + (2 * i + 1) * stride, n, odd[i] * vf_set1(paley->scale));
    }
}

/* In place: order rows of `stride` values. */
static void transform_paley(const paley *paley, float *p, int64_t stride) {
#define COLUMNS(constant)                                                                                                         \
    case 2 * constant:                                                                                                            \
        for (int64_t i = 0; i < stride; i += VF_LANES) {                                                                          \
            conference_column(constant, p + i, stride, paley->scale);                                                             \
        }                                                                                                                         \
        return;
    if (stride % VF_LANES == 0) {
        switch (paley->order) {
            COLUMNS(6)
            COLUMNS(10)
            COLUMNS(14)
            COLUMNS(18)
        }
    }
#undef COLUMNS
    VF_FOR(i, lanes, stride) {
        if (paley->conference) {
            any_conference_column(paley, p + i, stride, lanes);
        } else {
            any_column(paley, p + i, stride, lanes);
        }
    }
}

#endif
