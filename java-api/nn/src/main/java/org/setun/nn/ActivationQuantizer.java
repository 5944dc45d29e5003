package org.setun.nn;

import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;

/**
 * Maps the rows of an activation to 8-bit codes. Rounding passes the gradient straight through (arXiv 1308.3432); a quantizer that also maps the
 * values linearly says so and takes the gradient back.
 */
public interface ActivationQuantizer {

    /** For messages and reports. */
    String name();

    /** Quantizes {@code x} F32[n][k]; the result lives in memory of {@code allocator}. */
    QuantizedRows quantize(Backend backend, Tensor x, Allocator allocator);

    /** Writes the values that the codes stand for to {@code out} F32[n][k]. */
    void dequantize(Backend backend, QuantizedRows rows, Tensor out);

    /** True if the gradient of the input is that of the values which the codes stand for. */
    default boolean isStraightThrough() {
        return true;
    }

    /** Turns {@code gradient} F32[n][k] of these values into that of the input, in place. Not called if {@link #isStraightThrough()}. */
    default void backward(Backend backend, Tensor gradient) {
    }
}
