package org.setun.quant.pi;

import org.setun.kernels.PiGrid;
import org.setun.kernels.PiScaling;

/**
 * Pi-quantization (RuVector's ADR-090): a value is {@code q * α π / k} with a code q of two's complement and a constant k. What is stored per
 * block is the step {@code α π / k} itself, in f16, so that k costs no bits: a choice of k for each block is a choice among four steps, whose
 * two bits are already inside the 16 of the step. For the same reason a fixed k changes nothing where α is searched or calibrated: the grid
 * is the uniform one, and only {@link ScaleChoice#SIGMA} and mixed constants depend on k.
 *
 * @param bits  2 or 3
 * @param k     2 to 5, or {@link #MIXED}
 * @param scale how α is found. With mixed constants, {@link ScaleChoice#SEARCH} tries eight α with each k: 32 steps like every search, and
 *              {@link ScaleChoice#ABSMAX} is refused, since it calibrates α to the same step for every k
 */
public record PiQuantConfig(int bits, int k, ScaleChoice scale) {

    /** k is chosen for each block from 2 to 5. */
    public static final int MIXED = 0;

    static final int LEAST_K = 2;
    static final int MOST_K = 5;

    /** Steps that a search tries. */
    static final int SEARCH_POINTS = 32;

    private static final int MIXED_ALPHAS = SEARCH_POINTS / (MOST_K - LEAST_K + 1);

    public PiQuantConfig {
        if (bits != 2 && bits != 3) {
            throw new IllegalArgumentException("bits = " + bits + " must be 2 or 3");
        }
        if (k != MIXED && (k < LEAST_K || k > MOST_K)) {
            throw new IllegalArgumentException("k = " + k + " must be 2, 3, 4, 5, or 0 for mixed constants");
        }
        if (k == MIXED && scale == ScaleChoice.ABSMAX) {
            throw new IllegalArgumentException(
                    "scale = absmax gives the same step for every k, so mixed constants choose nothing: use search or sigma");
        }
    }

    /** The constant that published configurations use: 3 with 2 bits, 4 with 3 bits. */
    public static int defaultK(int bits) {
        return bits == 2 ? 3 : 4;
    }

    /** True if k is chosen for each block. */
    public boolean isMixed() {
        return k == MIXED;
    }

    /** The step {@code α π / k} of a fixed k. */
    public double step(double alpha) {
        return alpha * (Math.PI / fixedK());
    }

    /** The α for which a fixed k has this step. */
    public double alpha(double step) {
        return step / (Math.PI / fixedK());
    }

    private int fixedK() {
        if (isMixed()) {
            throw new IllegalStateException("k is mixed: a step stands for four pairs of k and α");
        }
        return k;
    }

    /** The levels: the integers of two's complement. */
    public PiGrid grid() {
        return PiGrid.uniform(bits);
    }

    /** The candidates for a block's step. */
    public PiScaling scaling() {
        int half = 1 << bits - 1;
        return switch (scale) {
            case ABSMAX -> new PiScaling(PiScaling.Base.ABSMAX, false, (float) (1 / (half - 0.5)));
            case SIGMA -> new PiScaling(PiScaling.Base.RMS, false, isMixed() ? constants() : new float[]{(float) (Math.PI / k)});
            case SEARCH -> new PiScaling(PiScaling.Base.ABSMAX, true, isMixed() ? mixedSearch(half) : search(half));
        };
    }

    private static float[] constants() {
        float[] factors = new float[MOST_K - LEAST_K + 1];
        for (int k = LEAST_K; k <= MOST_K; k++) {
            factors[k - LEAST_K] = (float) (Math.PI / k);
        }
        return factors;
    }

    /**
     * From the step that puts the largest magnitude on the outermost level, 1 / half of it, down by twelfths of an octave; last, the
     * calibrated step of {@link ScaleChoice#ABSMAX}.
     */
    private static float[] search(int half) {
        float[] factors = new float[SEARCH_POINTS];
        for (int c = 0; c < SEARCH_POINTS - 1; c++) {
            factors[c] = (float) (StrictMath.pow(2, -c / 12.0) / half);
        }
        factors[SEARCH_POINTS - 1] = (float) (1 / (half - 0.5));
        return factors;
    }

    /** Eight α, a third of an octave apart, the largest of which reaches the largest magnitude with k = 2; each with all k. */
    private static float[] mixedSearch(int half) {
        float[] factors = new float[SEARCH_POINTS];
        int c = 0;
        for (int a = 0; a < MIXED_ALPHAS; a++) {
            double alpha = StrictMath.pow(2, -a / 3.0) * LEAST_K / (Math.PI * half);
            for (int k = LEAST_K; k <= MOST_K; k++) {
                factors[c++] = (float) (alpha * (Math.PI / k));
            }
        }
        return factors;
    }

    /** The name of the format that stores this, {@code pi-q3:k=4,scale=search}. */
    public String formatName() {
        return "pi-q" + bits + ":k=" + (isMixed() ? "mixed" : k) + ",scale=" + scale.word();
    }
}
