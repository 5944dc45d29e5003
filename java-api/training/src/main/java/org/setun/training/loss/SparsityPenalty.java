package org.setun.training.loss;

/** {@code scale * sum of |w|}: drives weights to 0. The slope at 0 is 0. Input: a weight F32[m][k]; output F64[1]. */
public final class SparsityPenalty extends ElementPenalty {

    /** A penalty with a factor for every weight. */
    public SparsityPenalty(float scale) {
        super(scale, 1);
    }

    @Override
    double penalty(double w, double step) {
        return Math.abs(w);
    }

    @Override
    double slope(double w, double step) {
        return Math.signum(w);
    }
}
