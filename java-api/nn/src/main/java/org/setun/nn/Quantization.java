package org.setun.nn;

import org.jspecify.annotations.Nullable;

/**
 * What the linear layers of a model quantize; each may be absent. {@link #NONE} gives a full-precision model.
 *
 * @param weights     for weights, or null for fp32 weights
 * @param activations for the inputs of linear layers, or null for fp32 inputs
 */
public record Quantization(@Nullable WeightQuantizer weights, @Nullable ActivationQuantizer activations) {

    /** fp32 weights and activations. */
    public static final Quantization NONE = new Quantization(null, null);

    public boolean isNone() {
        return weights == null && activations == null;
    }

    /** The same without weight quantization. */
    public Quantization withoutWeights() {
        return new Quantization(null, activations);
    }

    /** The same without activation quantization. */
    public Quantization withoutActivations() {
        return new Quantization(weights, null);
    }
}
