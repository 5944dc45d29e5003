package org.setun.nn;

import java.util.List;
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

    /** The same for one place of a model: see {@link ActivationQuantizer#at}. */
    public Quantization at(String place, Initializer initializer, long columns) {
        return activations == null ? this : new Quantization(weights, activations.at(place, initializer, columns));
    }

    /** The same with another quantizer of weights. */
    public Quantization withWeights(@Nullable WeightQuantizer quantizer) {
        return new Quantization(quantizer, activations);
    }

    /** What is trained of the quantizer of activations. */
    public List<Parameter> parameters() {
        return activations == null ? List.of() : activations.parameters();
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
