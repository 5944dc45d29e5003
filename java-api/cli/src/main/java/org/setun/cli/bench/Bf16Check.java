package org.setun.cli.bench;

import java.util.function.LongUnaryOperator;

/** Compares random elements of a bf16 product with sums in fp64. */
final class Bf16Check {

    private static final int CHECKED_PRODUCTS = 64;
    private static final double ROUNDING = 0x1p-8; // of an operand, both ways

    /** The value of an operand. */
    interface Values {
        double at(long row, long column);
    }

    private Bf16Check() {
    }

    /**
     * Requires {@code c = a * b} within the bound of {@code setun/gemm.h} for operands before rounding.
     *
     * @param a    [m][terms]
     * @param b    [terms][n]
     * @param c    [m][n]
     * @param rounded operands that are rounded: 1 or 2
     */
    static void require(Operands operands, String what, long m, long n, long terms, Values a, Values b, Values c, int rounded) {
        LongUnaryOperator any = operands.random()::nextLong;
        for (int i = 0; i < CHECKED_PRODUCTS; i++) {
            long row = any.applyAsLong(m);
            long column = any.applyAsLong(n);
            double expected = 0;
            double magnitude = 0;
            for (long t = 0; t < terms; t++) {
                double product = a.at(row, t) * b.at(t, column);
                expected += product;
                magnitude += Math.abs(product);
            }
            double bound = (rounded * ROUNDING * (1 + ROUNDING) + (terms + 4) * 0x1p-24) * magnitude + 1e-30;
            Operands.require(Math.abs(c.at(row, column) - expected) <= bound, what);
        }
    }
}
