package org.setun.cli.study;

import java.util.Arrays;

/**
 * A set of levels that a block's step multiplies, and how the step is chosen. All grids of one size are stored alike: a code per value and an
 * f16 step per block of 256.
 *
 * @param name   in tables
 * @param levels in rising order, for a step of 1
 * @param rule   how a block's step is chosen
 */
record Grid(String name, double[] levels, StepRule rule) {

    /** Values per step. */
    static final int BLOCK = 256;

    /** Magnitudes of the step that a search tries per block, for every grid alike; of either sign where the sign makes a difference. */
    static final int MAGNITUDES = 32;

    /** How a block's step is chosen. */
    enum StepRule {
        /** The largest magnitude lies half a step beyond the outermost positive level. */
        ABSMAX,
        /** The best of {@link #MAGNITUDES} steps by squared error. */
        SEARCH
    }

    Grid {
        levels = levels.clone();
        if (levels.length < 2) {
            throw new IllegalArgumentException("levels = " + levels.length + " must be at least 2");
        }
    }

    /** {@code -2^(bits-1) .. 2^(bits-1) - 1}: two's complement, with a zero. */
    static Grid twosComplement(String name, int bits, StepRule rule) {
        double[] levels = new double[1 << bits];
        Arrays.setAll(levels, i -> i - (1 << bits - 1));
        return new Grid(name, levels, rule);
    }

    /** {@code i + 1/2}: symmetric, without a zero. */
    static Grid midRise(String name, int bits, StepRule rule) {
        double[] levels = new double[1 << bits];
        Arrays.setAll(levels, i -> i - (1 << bits - 1) + 0.5);
        return new Grid(name, levels, rule);
    }

    int bits() {
        return Integer.numberOfTrailingZeros(levels.length);
    }

    boolean symmetric() {
        for (int i = 0; i < levels.length; i++) {
            if (levels[i] != -levels[levels.length - 1 - i]) {
                return false;
            }
        }
        return true;
    }

    /** Bits per value with everything that a block stores. */
    double bitsPerWeight() {
        return bits() + 16.0 / BLOCK;
    }

    /** The same levels under another name. */
    Grid named(String other) {
        return new Grid(other, levels, rule);
    }
}
