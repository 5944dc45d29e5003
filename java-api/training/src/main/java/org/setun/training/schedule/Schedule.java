package org.setun.training.schedule;

/**
 * Learning rate and weight decay as functions of the step. Steps count from 1, so the first step of a warm-up
 * already learns and step {@code totalSteps} has exactly the final rate; every step after that keeps it. Immutable; any thread.
 */
public interface Schedule {

    /** The learning rate of update {@code step}, counted from 1. */
    double learningRate(long step);

    /** What multiplies the optimizer's weight decay at update {@code step}: 1 unless the schedule switches the decay off. */
    default double weightDecayFactor(long step) {
        return 1.0;
    }
}
