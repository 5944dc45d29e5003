package org.setun.kernels.reference;

import org.setun.kernels.HadamardFactors;

/**
 * The signs of a Paley matrix (Paley, "On orthogonal matrices", 1933), as {@code setun/hadamard.h} numbers its rows: made from the quadratic character of
 * a finite field.
 */
public final class PaleyMatrix {

    private final int order;
    private final boolean conference;
    private final int p;
    private final int q;
    private final int[] character;

    /** @param order one of {@link HadamardFactors#paley()} */
    public PaleyMatrix(int order) {
        this.order = order;
        conference = HadamardFactors.isConference(order);
        q = conference ? order / 2 - 1 : order - 1;
        p = HadamardFactors.prime(q);
        if (p == 0 || q % 4 != (conference ? 1 : 3)) {
            throw new IllegalArgumentException("order = " + order + " is no Paley order");
        }
        character = character();
    }

    public int order() {
        return order;
    }

    /** True if it is made of a symmetric conference matrix of half the order. */
    public boolean isConference() {
        return conference;
    }

    /** Entry (i, j) of the conference matrix: 0 on the diagonal, else +1 or -1. */
    int conferenceSign(int i, int j) {
        return i == j ? 0 : i == 0 || j == 0 ? 1 : character[minus(i - 1, j - 1)];
    }

    /** Entry (i, j) of the Hadamard matrix: +1 or -1. */
    public int sign(int i, int j) {
        if (!conference) {
            return i == j || i == 0 ? 1 : j == 0 ? -1 : character[minus(i - 1, j - 1)];
        }
        boolean bothOdd = i % 2 == 1 && j % 2 == 1;
        if (i / 2 == j / 2) {
            return i % 2 == 0 && j % 2 == 0 ? 1 : -1;
        }
        return bothOdd ? -conferenceSign(i / 2, j / 2) : conferenceSign(i / 2, j / 2);
    }

    /** +1 for the even powers of x, -1 for the odd ones, 0 for 0; x is the root of the first polynomial that makes it generate the field. */
    private int[] character() {
        for (int polynomial = 1;; polynomial++) {
            int[] chi = new int[q];
            int element = 1;
            int powers = 0;
            while (element != 0 && chi[element] == 0) {
                chi[element] = powers++ % 2 == 0 ? 1 : -1;
                element = timesX(element, polynomial);
            }
            if (powers == q - 1) {
                return chi;
            }
        }
    }

    /** x times an element, with {@code x^e = polynomial} in GF(p^e). */
    private int timesX(int element, int polynomial) {
        int top = element / (q / p);
        int shifted = element % (q / p) * p;
        int product = 0;
        for (int place = 1; place < q; place *= p) {
            product += (shifted / place + top * (polynomial / place % p)) % p * place;
        }
        return product;
    }

    private int minus(int a, int b) {
        int difference = 0;
        for (int place = 1; place < q; place *= p) {
            difference += (a / place % p - b / place % p + p) % p * place;
        }
        return difference;
    }
}
