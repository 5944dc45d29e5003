package org.setun.nn;

import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;

/** Maps the rows of an activation to 8-bit codes. Its gradient is the identity (straight-through estimator, arXiv 1308.3432). */
public interface ActivationQuantizer {

    /** For messages and reports. */
    String name();

    /** Quantizes {@code x} F32[n][k]; the result lives in memory of {@code allocator}. */
    QuantizedRows quantize(Backend backend, Tensor x, Allocator allocator);

    /** Writes the values that the codes stand for to {@code out} F32[n][k]. */
    void dequantize(Backend backend, QuantizedRows rows, Tensor out);
}
