package org.setun.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * How the step of a block is chosen: each factor times a measure of the block gives a candidate, rounded to f16. A single candidate is taken;
 * of several, the one with the least (weighted) squared error, the first of equals.
 */
public final class PiScaling {

    /** What factors are multiplied with. */
    public enum Base {
        /** The largest magnitude. */
        ABSMAX(0),
        /** The root mean square: the deviation of values of mean zero. */
        RMS(1);

        private final int code;

        Base(int code) {
            this.code = code;
        }

        /** The value of {@code setun_pi_base}. */
        public int code() {
            return code;
        }
    }

    /** Most factors that a scaling may have. */
    public static final int MOST_FACTORS = 64;

    private final Base base;
    private final boolean bothSigns;
    private final float[] factors;
    private final MemorySegment segment;

    /**
     * A choice of steps.
     *
     * @param bothSigns true: each candidate is tried with either sign, the positive one first. A uniform grid has one more level on its
     *                  negative side, which the sign turns to where the block needs it. A symmetric grid gains nothing
     * @param factors   1 to 64, positive and finite, in the order in which they are tried
     */
    public PiScaling(Base base, boolean bothSigns, float... factors) {
        if (factors.length < 1 || factors.length > MOST_FACTORS) {
            throw new IllegalArgumentException(factors.length + " factors, must be 1 to " + MOST_FACTORS);
        }
        for (float factor : factors) {
            if (!(factor > 0) || !Float.isFinite(factor)) {
                throw new IllegalArgumentException("factors = " + Arrays.toString(factors) + " must be positive and finite");
            }
        }
        this.base = base;
        this.bothSigns = bothSigns;
        this.factors = factors.clone();
        segment = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, factors).asReadOnly();
    }

    public Base base() {
        return base;
    }

    public boolean bothSigns() {
        return bothSigns;
    }

    /** How many factors there are. */
    public int count() {
        return factors.length;
    }

    public float factor(int index) {
        return factors[index];
    }

    /** The factors in order. */
    public float[] factors() {
        return factors.clone();
    }

    /** The factors off-heap, as the C functions take them. */
    public MemorySegment segment() {
        return segment;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof PiScaling that && that.base == base && that.bothSigns == bothSigns && Arrays.equals(that.factors, factors);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * base.hashCode() + Boolean.hashCode(bothSigns)) + Arrays.hashCode(factors);
    }

    @Override
    public String toString() {
        return base + (bothSigns ? " ±" : " ") + Arrays.toString(factors);
    }
}
