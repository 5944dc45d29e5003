package org.setun.training.config;

/** What a language model is taught first; functions of the step. For bits see {@code progressive.kind = "bit_width"}. */
public record Curriculum(
        @Setting(value = "tokens that a position can see at first, a divisor of model.context; 0 = model.context from the start", min = 0) int startContext,
        @Setting(value = "step from which it sees model.context", min = 0, max = 1e9) long contextSteps,
        @Setting(value = "share of the windows, the easiest, that the first steps draw from; 1 = all", min = 0.001, max = 1) double startShare,
        @Setting(value = "step from which all windows are drawn", min = 0, max = 1e9) long shareSteps) {

    /** All at once. */
    public static Curriculum defaults() {
        return new Curriculum(0, 0, 1, 0);
    }

    /**
     * The length of sequences at {@code step}, counted from 1: it grows linearly, rounded down to a divisor of {@code context}, so that a window is cut
     * into whole sequences and no token is lost.
     */
    public int length(long step, int context) {
        if (startContext == 0 || step >= contextSteps) {
            return context;
        }
        long most = startContext + (long) ((double) (context - startContext) * (step - 1) / contextSteps);
        for (long length = Math.min(most, context); length > startContext; length--) {
            if (context % length == 0) {
                return (int) length;
            }
        }
        return startContext;
    }

    /** The share of the windows at {@code step}, counted from 1: the square root of a line, so that new ones come at an even rate (arXiv 1903.09848). */
    public double share(long step) {
        if (step >= shareSteps) {
            return 1;
        }
        double first = startShare * startShare;
        return Math.sqrt(first + (1 - first) * (step - 1) / shareSteps);
    }
}
