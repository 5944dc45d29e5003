package org.setun.quant;

import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.setun.nn.WeightQuantizer;

/** Weight quantizers by the numbers of a configuration. */
public final class WeightQuantizers {

    /** The information in a ternary code: log2(3), as configurations write it. */
    public static final double TERNARY_BITS = 1.58;

    private WeightQuantizers() {
    }

    /**
     * The quantizer of a number of bits: 1.58 gives {@link TernaryAbsmean}, 1 to 8 give {@link UniformMean}, 32 gives none.
     *
     * @param perRow a scale for each output; ternary weights have one for the matrix
     * @throws IllegalArgumentException for other numbers, and for ternary weights per row
     */
    public static @Nullable WeightQuantizer ofBits(double bits, boolean perRow) {
        if (bits == TERNARY_BITS) {
            if (perRow) {
                throw new IllegalArgumentException("bits = 1.58 has one scale per matrix, not per row");
            }
            return new TernaryAbsmean();
        }
        if (bits == 32) {
            return null;
        }
        if (bits != Math.rint(bits) || bits < 1 || bits > 8) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "bits = %s must be 1.58, 1 to 8, or 32", bits));
        }
        return new UniformMean((int) bits, perRow);
    }
}
