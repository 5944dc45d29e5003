package org.setun.quant.calibration;

/**
 * The diagonal of the Fisher information of a weight matrix, summed over rows and over columns: the mean over sequences of
 * {@code sum over i in c of (dL/dw_i)^2} for each channel c, where L is the sequence's own loss, the sum over its tokens. Gradients are
 * squared per sequence: squaring the gradient of a batch of B would give about 1/B of it. Arrays are the record's own: not to be changed.
 *
 * @param rows    F64[outputs], one per output channel
 * @param columns F64[inputs], one per input channel; adds up to the same
 */
public record FisherInformation(double[] rows, double[] columns) {

    /** The importance that follows from it. */
    public Importance importance() {
        return new Importance(Importance.normalized(rows), Importance.normalized(columns));
    }
}
