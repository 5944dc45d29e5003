#include "simd/hadamard/factors.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "setun/hadamard.h"

/* q = p^e with p an odd prime; p = 0 if q is no such power. */
typedef struct prime_power {
    int32_t p, e;
} prime_power;

static prime_power prime_power_of(int32_t q) {
    prime_power power = {0, 0};
    if (q < 3) {
        return power;
    }
    int32_t p = 2;
    while (p * p <= q && q % p != 0) {
        p++;
    }
    p = p * p > q ? q : p;
    for (; q % p == 0; q /= p) {
        power.e++;
    }
    power.p = q == 1 && p != 2 ? p : 0;
    return power;
}

bool hadamard_is_conference(int32_t order) {
    int32_t q = order / 2 - 1;
    return order % 4 == 0 && q % 4 == 1 && prime_power_of(q).p != 0;
}

/* The smallest Paley order with this odd part (>= 3), or 0. */
static int32_t paley_order(int32_t odd) {
    for (int32_t order = 4 * odd; order <= HADAMARD_MOST_ORDER; order *= 2) {
        if (hadamard_is_conference(order) || prime_power_of(order - 1).p != 0) {
            return order;
        }
    }
    return 0;
}

typedef struct search {
    int32_t order[HADAMARD_MOST_FACTORS], best_order[HADAMARD_MOST_FACTORS];
    int32_t best, best_sum; /* number of factors of the best product; 0: none yet */
} search;

/* Products for the odd part `odd` of at most 2^twos in their orders, with odd parts of at most `most`. */
static void try_factors(search *s, int32_t depth, int32_t odd, int32_t most, int32_t twos, int32_t sum) {
    if (odd == 1) {
        if (s->best == 0 || sum < s->best_sum) {
            s->best = depth;
            s->best_sum = sum;
            memcpy(s->best_order, s->order, sizeof s->order);
        }
        return;
    }
    for (int32_t part = odd < most ? odd : most; part >= 3 && depth < HADAMARD_MOST_FACTORS; part -= 2) {
        int32_t order = odd % part == 0 ? paley_order(part) : 0;
        int32_t taken = order == 0 ? 0 : __builtin_ctz((uint32_t)order);
        if (order != 0 && taken <= twos) {
            s->order[depth] = order;
            try_factors(s, depth + 1, odd / part, part, twos - taken, sum + order);
        }
    }
}

/* Of an n with an odd part of its own. */
static void product_factors(int64_t n, int32_t twos, hadamard_factors *factors) {
    enum { LARGEST_ODD = HADAMARD_MOST_ORDER / 4 - 1 };
    int32_t odd = (int32_t)(n >> twos), least = __builtin_ctz(HADAMARD_LEAST_POWER);
    search s = {.best = 0};
    if (twos > least) {
        try_factors(&s, 0, odd, LARGEST_ODD, twos - least, 0);
    }
    if (s.best == 0) {
        try_factors(&s, 0, odd, LARGEST_ODD, twos, 0);
    }
    if (s.best == 0) {
        factors->block = INT64_C(1) << twos;
    }
    factors->paley = s.best;
    for (int32_t i = 0; i < s.best; i++) {
        factors->order[i] = s.best_order[i];
        factors->power -= __builtin_ctz((uint32_t)s.best_order[i]);
    }
}

void hadamard_factors_of(int64_t n, hadamard_factors *factors) {
    int32_t twos = __builtin_ctzll((uint64_t)n);
    factors->block = n;
    factors->power = twos;
    factors->paley = 0;
    if (n >> twos > 1) {
        product_factors(n, twos, factors);
    }
}

int64_t setun_hadamard_factor(int64_t n, int32_t index) {
    if (n < 1 || n > SETUN_HADAMARD_MAX_N || index < 0) {
        return 0;
    }
    hadamard_factors factors;
    hadamard_factors_of(n, &factors);
    return index < factors.paley ? factors.order[index] : index == factors.paley ? INT64_C(1) << factors.power : 0;
}

/* x times an element, modulo x^e = polynomial. */
static int32_t times_x(int32_t element, int32_t polynomial, prime_power field, int32_t q) {
    int32_t top = element / (q / field.p), shifted = element % (q / field.p) * field.p, product = 0;
    for (int32_t place = 1; place < q; place *= field.p) {
        int32_t digit = shifted / place % field.p + top * (polynomial / place % field.p);
        product += digit % field.p * place;
    }
    return product;
}

/* chi of every element of GF(q): +1 for the even powers of x, -1 for the odd ones, 0 for 0. */
static void quadratic_character(int32_t q, int8_t *chi) {
    prime_power field = prime_power_of(q);
    for (int32_t polynomial = 1;; polynomial++) {
        memset(chi, 0, (size_t)q);
        /* Of a prime field x is the number that it equals, not p. */
        int32_t element = 1, powers = 0;
        while (element != 0 && chi[element] == 0) {
            chi[element] = powers % 2 == 0 ? 1 : -1;
            powers++;
            element = times_x(element, polynomial, field, q);
        }
        if (powers == q - 1) {
            return;
        }
    }
}

/* a - b in GF(p^e): digit by digit. */
static int32_t minus(int32_t a, int32_t b, int32_t p, int32_t q) {
    int32_t difference = 0;
    for (int32_t place = 1; place < q; place *= p) {
        difference += (a / place % p - b / place % p + p) % p * place;
    }
    return difference;
}

static void make_signs(int32_t order, float *signs) {
    bool conference = hadamard_is_conference(order);
    int32_t size = conference ? order / 2 : order, q = size - 1, p = prime_power_of(q).p;
    int8_t chi[HADAMARD_MOST_ORDER];
    quadratic_character(q, chi);
    for (int32_t i = 0; i < size; i++) {
        for (int32_t j = 0; j < size; j++) {
            float sign = j == 0 ? -1.0f : 1.0f; /* the border, unless it is a conference matrix's */
            if (i == j) {
                sign = conference ? 0.0f : 1.0f;
            } else if (i > 0 && j > 0) {
                sign = chi[minus(i - 1, j - 1, p, q)];
            } else if (conference) {
                sign = 1.0f;
            }
            signs[i * size + j] = sign;
        }
    }
}

const float *hadamard_paley_signs(int32_t order) {
    static _Atomic(float *) made[HADAMARD_MOST_ORDER / 4 + 1];
    float *signs = atomic_load_explicit(&made[order / 4], memory_order_acquire);
    if (signs != NULL) {
        return signs;
    }
    size_t size = (size_t)(hadamard_is_conference(order) ? order / 2 : order);
    float *fresh = malloc(size * size * sizeof(float)), *first = NULL;
    if (fresh == NULL) {
        return NULL;
    }
    make_signs(order, fresh);
    if (!atomic_compare_exchange_strong(&made[order / 4], &first, fresh)) {
        free(fresh); /* another thread was first */
        return first;
    }
    return fresh;
}
