package org.setun.training.config;

/** What happens to a run that goes wrong: see {@link org.setun.training.callback.NanGuard}. */
public record Guard(
        @Setting(value = "how often a run may go back to the last checkpoint from before the fault; 0 = it ends", min = 0, max = 1000) int maxRollbacks,
        @Setting(value = "what multiplies the learning rate each time it goes back; 1 = it stays", min = 0.001, max = 1) double lrFactor,
        @Setting(value = "mean loss, in losses of a model that has learned nothing, from which a run diverges; 0 = it is not looked for", min = 0, max = 1e6) double divergence,
        @Setting(value = "steps of that mean", min = 1, max = 10000) int window) {

    /** Twice, at half the rate each time. */
    public static Guard defaults() {
        return new Guard(2, 0.5, 2, 20);
    }
}
