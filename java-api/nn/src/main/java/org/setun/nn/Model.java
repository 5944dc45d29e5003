package org.setun.nn;

import java.util.List;
import java.util.Objects;

/** Something with parameters. */
public interface Model {

    /** All parameters, each once, in an order that depends on the configuration alone. */
    List<Parameter> parameters();

    /** The layers that quantization applies to, in the order of their use; of an embedding or a head those that are quantized. */
    List<Linear> linears();

    /** What belongs to the model and is not trained, such as observed ranges of activations: saved with the parameters. */
    default List<Parameter> buffers() {
        return linears().stream().map(layer -> layer.quantization().activations()).filter(Objects::nonNull).distinct()
                .flatMap(quantizer -> quantizer.buffers().stream()).toList();
    }

    /** Number of trained values. */
    default long parameterCount() {
        return parameters().stream().mapToLong(parameter -> parameter.shape().size()).sum();
    }

    /**
     * The parameter of a name.
     *
     * @throws IllegalArgumentException if there is none
     */
    default Parameter parameter(String name) {
        return parameters().stream().filter(parameter -> parameter.name().equals(name)).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("there is no parameter " + name));
    }

    /**
     * From now on, keeps of each block only its input, and computes the rest a second time in the backward pass (arXiv 1604.06174): less memory,
     * more time, the same bits.
     *
     * @return false, and nothing changes, if this model has no blocks, or quantizers of activations that keep something of it
     */
    default boolean recompute(boolean on) {
        return false;
    }

    /** Sets all gradients to 0. */
    default void clearGradients() {
        parameters().forEach(Parameter::clearGradient);
    }
}
