package org.setun.nn;

/**
 * First values of a {@link Decoder}'s weights: normal with mean 0; norms start at 1.
 *
 * @param standardDeviation of all matrices
 * @param residualScaled    true: the projections that end in the residual stream (output, down) get the deviation divided by
 *                          {@code sqrt(2 * layers)}, as in GPT-2
 * @param seed              of the random numbers
 */
public record DecoderInit(double standardDeviation, boolean residualScaled, long seed) {

    public DecoderInit {
        if (!(standardDeviation > 0) || Double.isInfinite(standardDeviation)) {
            throw new IllegalArgumentException("standardDeviation = " + standardDeviation + " must be > 0 and finite");
        }
    }

    /** Deviation 0.02, residual projections scaled. */
    public static DecoderInit seeded(long seed) {
        return new DecoderInit(0.02, true, seed);
    }

    double residualDeviation(int layers) {
        return residualScaled ? standardDeviation / Math.sqrt(2.0 * layers) : standardDeviation;
    }
}
