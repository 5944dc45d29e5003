/* Which Hadamard matrix a length gets, and the signs of Paley matrices (contract: setun/hadamard.h). */
#ifndef SETUN_HADAMARD_FACTORS_H
#define SETUN_HADAMARD_FACTORS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HADAMARD_MOST_FACTORS = 6, /* 12^7 > 2^24 */
    HADAMARD_MOST_ORDER = 256,
    HADAMARD_LEAST_POWER = 16 /* where there is a choice: whole vectors of the widest tier */
};

typedef struct hadamard_factors {
    int64_t block;  /* the order of the matrix; n is a multiple of it */
    int32_t power;  /* m: the order of its Sylvester factor is 2^m */
    int32_t paley;  /* number of Paley factors */
    int32_t order[HADAMARD_MOST_FACTORS]; /* outermost first */
} hadamard_factors;

/* For 1 <= n <= SETUN_HADAMARD_MAX_N. */
void hadamard_factors_of(int64_t n, hadamard_factors *factors);

/* True if an order is Paley II's: symmetric, and its signs are those of a conference matrix of half the order. */
bool hadamard_is_conference(int32_t order);

/* The signs of an order as +1.0f and -1.0f, row-major: of the conference matrix [order/2][order/2], its diagonal 0, for a Paley II order;
 * else of the whole [order][order]. Made once for each order and kept; NULL if memory is short. */
const float *hadamard_paley_signs(int32_t order);

#endif
