package org.setun.quant.budget;

/**
 * One way to store a tensor.
 *
 * @param name  of the format
 * @param bytes that it takes, not negative
 * @param loss  that it causes, any finite number; losses of different tensors are added, so they must be in one unit
 */
public record Option(String name, long bytes, double loss) {

    /** Checks the numbers. */
    public Option {
        if (bytes < 0) {
            throw new IllegalArgumentException("bytes = " + bytes + " of " + name + " must not be negative");
        }
        if (!Double.isFinite(loss)) {
            throw new IllegalArgumentException("loss = " + loss + " of " + name + " must be finite; leave out what cannot be used");
        }
    }
}
