package org.setun.training.callback;

/** How a step will be made: callbacks set and change it one after another, the optimizer follows. One thread. */
public final class StepPlan {

    private final long step;
    private double learningRate;
    private double weightDecayFactor = 1;

    /** A plan for {@code step}, counted from 1, with rate 0. */
    public StepPlan(long step) {
        this.step = step;
    }

    /** The step, counted from 1. */
    public long step() {
        return step;
    }

    /** The rate of this step. */
    public double learningRate() {
        return learningRate;
    }

    /** Sets the rate: at least 0 and finite. */
    public void learningRate(double rate) {
        if (!(rate >= 0) || Double.isInfinite(rate)) {
            throw new IllegalArgumentException("learning rate of step " + step + ": " + rate + ", must be finite and not negative");
        }
        learningRate = rate;
    }

    /** What multiplies the optimizer's weight decay. */
    public double weightDecayFactor() {
        return weightDecayFactor;
    }

    /** Sets what multiplies the weight decay: at least 0 and finite. */
    public void weightDecayFactor(double factor) {
        if (!(factor >= 0) || Double.isInfinite(factor)) {
            throw new IllegalArgumentException("weight decay factor of step " + step + ": " + factor + ", must be finite and not negative");
        }
        weightDecayFactor = factor;
    }
}
