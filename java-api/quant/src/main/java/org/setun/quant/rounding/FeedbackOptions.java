package org.setun.quant.rounding;

/**
 * How errors are fed back.
 *
 * @param damping    added to the diagonal of H, in units of its mean: keeps directions that the calibration never showed from being free
 * @param actOrder   rounds the blocks of columns with the largest diagonal of H first. Blocks, not columns, because the values of a block
 *                   share scales and are rounded in rising order
 * @param tunePasses passes of coordinate descent afterwards: each group is rounded again against the errors of all others, and keeps its
 *                   code if a new one would not lower the loss
 */
public record FeedbackOptions(double damping, boolean actOrder, int tunePasses) {

    /** GPTQ (arXiv 2210.17323): 1 % damping, columns in order. */
    public static final FeedbackOptions GPTQ = new FeedbackOptions(0.01, false, 0);

    /** LDLQ as in QuIP# (arXiv 2402.04396): 1 % damping, ten passes of coordinate descent. */
    public static final FeedbackOptions LDLQ = new FeedbackOptions(0.01, false, 10);

    /** Checks the numbers. */
    public FeedbackOptions {
        if (!(damping >= 0 && damping < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("damping = " + damping + " must be finite and not negative; 0.01 is usual");
        }
        if (tunePasses < 0) {
            throw new IllegalArgumentException("tunePasses = " + tunePasses + " must not be negative; 0 is none, 10 is usual");
        }
    }

    /** The same with other damping. */
    public FeedbackOptions withDamping(double value) {
        return new FeedbackOptions(value, actOrder, tunePasses);
    }

    /** The same with or without the order by activations. */
    public FeedbackOptions withActOrder(boolean value) {
        return new FeedbackOptions(damping, value, tunePasses);
    }

    /** The same with another number of passes. */
    public FeedbackOptions withTunePasses(int value) {
        return new FeedbackOptions(damping, actOrder, value);
    }
}
