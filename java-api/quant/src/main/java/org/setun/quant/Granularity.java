package org.setun.quant;

/** What shares a scale of a weight. Activations have one per token, see {@link Int8Absmax}. */
public enum Granularity {

    /** The whole matrix. */
    TENSOR,

    /** A row: an output channel. */
    CHANNEL,

    /** 256 values of a row, as the pi formats store them; rows are then a multiple of that. */
    BLOCK;

    /** Values of a block. */
    public static final int BLOCK_VALUES = 256;

    /** How many consecutive values of a row-major weight share a scale. */
    public long group(long outputs, long inputs) {
        if (this == BLOCK && inputs % BLOCK_VALUES != 0) {
            throw new IllegalArgumentException("inputs = " + inputs + " must be a multiple of " + BLOCK_VALUES + " for a scale per block");
        }
        return switch (this) {
            case TENSOR -> Math.multiplyExact(outputs, inputs);
            case CHANNEL -> inputs;
            case BLOCK -> BLOCK_VALUES;
        };
    }

    /** How many scales a weight has. */
    public long groups(long outputs, long inputs) {
        long group = group(outputs, inputs);
        return group == 0 ? 0 : outputs * inputs / group;
    }
}
