package org.setun.kernels;

import org.setun.kernels.Estimator.LevelFactors;

/**
 * What fake quantization puts in the place of values, and the gradient it passes back: see {@code setun/fakequant.h}.
 *
 * @param levels    that values are rounded to
 * @param estimator of the gradient
 * @param mix       the share of the quantized value, 0 to 1: {@code v + mix (v^ - v)}; 1 is quantized
 * @param noise     amplitude of uniform noise in steps, at least 0
 * @param fraction  of the blocks that are quantized, 0 to 1, the others pass (Quant-Noise, arXiv 2004.07320)
 * @param block     values of such a block, a multiple of 16
 * @param seed      of everything random; the same seed gives the same bits
 */
public record FakeQuantRule(QuantLevels levels, Estimator estimator, float mix, float noise, float fraction, int block, long seed) {

    /** The least scale that is used, so that a scale on its way through 0 stays one. */
    public static final float LEAST_SCALE = 1e-8f;

    private static final int BLOCK_UNIT = 16;

    public FakeQuantRule {
        if (estimator.isSmooth() && levels.count() > Estimator.MOST_SMOOTH_LEVELS) {
            throw new IllegalArgumentException(
                    estimator + " takes at most " + Estimator.MOST_SMOOTH_LEVELS + " levels, not " + levels.count());
        }
        if (estimator instanceof LevelFactors factors && factors.values().size() != levels.count()) {
            throw new IllegalArgumentException(
                    factors.values().size() + " factors for " + levels.count() + " levels, must be one for each");
        }
        if (!(mix >= 0 && mix <= 1) || !(fraction >= 0 && fraction <= 1) || !(noise >= 0) || Float.isInfinite(noise)) {
            throw new IllegalArgumentException("mix = " + mix + " and fraction = " + fraction + " must be in [0, 1], noise = " + noise
                    + " must be at least 0 and finite");
        }
        if (fraction < 1 && (block <= 0 || block % BLOCK_UNIT != 0)) {
            throw new IllegalArgumentException("block = " + block + " must be a positive multiple of " + BLOCK_UNIT);
        }
    }

    /** Everything quantized, without noise. */
    public FakeQuantRule(QuantLevels levels, Estimator estimator) {
        this(levels, estimator, 1, 0, 1, 0, 0);
    }

    /** The same with another share of the quantized value. */
    public FakeQuantRule withMix(float share) {
        return new FakeQuantRule(levels, estimator, share, noise, fraction, block, seed);
    }

    /** The same with another estimator, as a schedule of temperatures needs it. */
    public FakeQuantRule withEstimator(Estimator other) {
        return new FakeQuantRule(levels, other, mix, noise, fraction, block, seed);
    }

    /** The same with another seed. */
    public FakeQuantRule withSeed(long other) {
        return new FakeQuantRule(levels, estimator, mix, noise, fraction, block, other);
    }

    /** Plain rounding to the same levels: what evaluation, inference and export use, whatever the weights were trained with. */
    public FakeQuantRule rounded() {
        return new FakeQuantRule(levels, new Estimator.Identity());
    }

    /** True if this rounds already, whatever its gradient is. */
    public boolean isRounding() {
        return isHard() && !isRandom();
    }

    /** True if the seed has a say: noise, blocks left out, or a choice of levels by chance. */
    public boolean isRandom() {
        return noise > 0 || fraction < 1 || estimator instanceof Estimator.Gumbel;
    }

    /** True if every value becomes the level of its code. */
    public boolean isHard() {
        return estimator.hard() && mix == 1 && noise == 0 && fraction == 1;
    }
}
