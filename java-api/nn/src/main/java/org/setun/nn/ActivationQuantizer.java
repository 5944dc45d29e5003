package org.setun.nn;

import java.util.List;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;

/**
 * Maps the rows of an activation to codes of at most 8 bits. Rounding passes the gradient straight through (arXiv 1308.3432) unless a quantizer says
 * otherwise. Most quantizers have no state and serve all layers; one that keeps something for each place of a model gives each its own
 * {@link #at(String, Initializer, long)}.
 */
public interface ActivationQuantizer {

    /** For messages and reports. */
    String name();

    /**
     * The quantizer for one place of a model; layers that share an input share it.
     *
     * @param place       name of the first layer that reads the input, such as {@code blk.0.attn_q}
     * @param initializer makes what the quantizer keeps
     * @param columns     values per row
     * @throws IllegalArgumentException if rows of this length cannot be quantized
     */
    default ActivationQuantizer at(String place, Initializer initializer, long columns) {
        return this;
    }

    /** What is trained of this quantizer. */
    default List<Parameter> parameters() {
        return List.of();
    }

    /** What this quantizer keeps beside, such as observed ranges: saved with the model, not trained. */
    default List<Parameter> buffers() {
        return List.of();
    }

    /** Quantizes {@code x} F32[n][k]; the result lives in memory of {@code allocator}. */
    QuantizedRows quantize(Backend backend, Tensor x, Allocator allocator);

    /** Writes the values that the codes stand for to {@code out} F32[n][k]. */
    void dequantize(Backend backend, QuantizedRows rows, Tensor out);

    /** True if products run on the codes: there is one step per row; else they are dequantized first. */
    default boolean hasIntegerProduct() {
        return true;
    }

    /** True if the gradient of the input is that of the values which the codes stand for, and nothing is trained. */
    default boolean isStraightThrough() {
        return true;
    }

    /**
     * Turns {@code gradient} F32[n][k] of the values into that of the input, in place. Not called if {@link #isStraightThrough()}.
     *
     * @param x                  what was quantized
     * @param rows               what it became
     * @param parameterGradients F32 like each of the {@link #parameters()}, zeros; receive their gradients
     */
    default void backward(Backend backend, Tensor x, QuantizedRows rows, Tensor gradient, List<Tensor> parameterGradients) {
    }
}
