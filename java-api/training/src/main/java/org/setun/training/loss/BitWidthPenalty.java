package org.setun.training.loss;

/**
 * {@code scale * sum of log2(1 + |w| / step)}: the bits that the magnitudes of latent weights need at the present distance of levels (the measure of
 * learned bit-widths in Uhlich et al., arXiv 1905.11452, per weight). Weights that ask for levels beyond those that there are pay for it. The slope
 * at 0 is 0. Input: a weight F32[m][k]; output F64[1].
 */
public final class BitWidthPenalty extends ElementPenalty {

    private static final double LN_2 = Math.log(2);

    /**
     * A penalty.
     *
     * @param scale factor of every weight
     * @param steps all above 0: the distance of two levels, one per piece of the weight
     */
    public BitWidthPenalty(float scale, float... steps) {
        super(scale, steps);
    }

    @Override
    double penalty(double w, double step) {
        return Math.log1p(Math.abs(w) / step) / LN_2;
    }

    @Override
    double slope(double w, double step) {
        return Math.signum(w) / ((step + Math.abs(w)) * LN_2);
    }
}
