package org.setun.kernels;

/** Off-heap memory ran out: a pool reached its budget, or the operating system refused a slab. The message carries all numbers. */
public final class PoolExhaustedException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final long requested;

    /** A request of {@code requested} bytes that failed for the reason in {@code message}. */
    public PoolExhaustedException(String message, long requested) {
        super(message);
        this.requested = requested;
    }

    /** The bytes that were asked for. */
    public long requested() {
        return requested;
    }
}
