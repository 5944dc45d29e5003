package org.setun.nn;

import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;

/**
 * Maps a latent weight F32[outputs][inputs] to a {@link QuantizedWeight}, and the gradient with respect to the quantized weight to that
 * of the latent one. The default is the straight-through estimator (arXiv 1308.3432): the gradient passes unchanged.
 */
public interface WeightQuantizer {

    /** For messages and reports. */
    String name();

    /** Room for a quantized weight, to be filled by {@link #quantize}. */
    QuantizedWeight allocate(Allocator allocator, long outputs, long inputs);

    /** Quantizes {@code latent} into {@code into}, which came from {@link #allocate} of this quantizer. */
    void quantize(Backend backend, Tensor latent, QuantizedWeight into);

    /** True if {@link #backward} changes nothing, so that gradients may be summed in place. */
    default boolean isStraightThrough() {
        return true;
    }

    /** Turns {@code gradient}, that of the quantized weight, into that of {@code latent}, in place. */
    default void backward(Backend backend, Tensor latent, QuantizedWeight weight, Tensor gradient) {
    }
}
