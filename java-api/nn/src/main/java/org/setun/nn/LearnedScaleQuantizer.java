package org.setun.nn;

import org.setun.kernels.Backend;

/**
 * A weight quantizer whose scales are learned: a layer keeps them as a parameter of its own ({@code NAME.scale}), trained beside the latent
 * weight. The methods without scales quantize with the {@linkplain #initialize first} ones.
 */
public interface LearnedScaleQuantizer extends WeightQuantizer {

    /** The shape of the scales of a weight F32[outputs][inputs]. */
    Shape scaleShape(long outputs, long inputs);

    /** Sets {@code scales} to what training starts from. */
    void initialize(Tensor latent, Tensor scales);

    /** Quantizes {@code latent} with {@code scales} into {@code into}, which came from {@link #allocate} of this quantizer. */
    void quantize(Backend backend, Tensor latent, Tensor scales, QuantizedWeight into);

    /**
     * Turns {@code gradient}, that of the quantized weight, into that of {@code latent}, in place, and adds that of the scales to
     * {@code scaleGradient}.
     */
    void backward(Backend backend, Tensor latent, Tensor scales, Tensor gradient, Tensor scaleGradient);

    @Override
    default boolean isStraightThrough() {
        return false;
    }
}
