package org.setun.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.nn.function.LinearFunction;

/**
 * A linear layer that quantizes its weight, its input, or both (BitLinear of BitNet b1.58, arXiv 2402.17764). The forward pass runs on the
 * packed codes; the latent weight is what the optimizer trains. Codes are made when first needed after a
 * {@linkplain Parameter#markChanged change} of the weight, so the micro-batches of a step share them.
 */
public final class BitLinear extends Linear {

    private Quantization quantization;
    private @Nullable QuantizedWeight quantized;
    private long quantizedVersion = -1;
    private final @Nullable Parameter scale;
    private long scaleVersion = -1;

    /**
     * A layer over parameters.
     *
     * @param weight       F32[outputs][inputs], latent; the codes live in memory of its allocator. Scales that are learned start from its
     *                     present value
     * @param bias         F32[outputs], or null
     * @param quantization what to quantize
     */
    public BitLinear(Parameter weight, @Nullable Parameter bias, Quantization quantization) {
        super(weight, bias);
        this.quantization = quantization;
        scale = quantization.weights() instanceof LearnedScaleQuantizer learned ? firstScale(learned, weight) : null;
    }

    private static Parameter firstScale(LearnedScaleQuantizer quantizer, Parameter weight) {
        Tensor value = weight.value();
        Parameter scale = new Parameter(weight.name() + ".scale", weight.allocator(), false,
                quantizer.scaleShape(value.rows(), value.columns()));
        quantizer.initialize(value, scale.value());
        return scale;
    }

    /** The learned scales of the weight, null if the quantizer has none. */
    public @Nullable Parameter scale() {
        return scale;
    }

    @Override
    public List<Parameter> parameters() {
        if (scale == null) {
            return super.parameters();
        }
        List<Parameter> all = new ArrayList<>(super.parameters());
        all.add(scale);
        return List.copyOf(all);
    }

    @Override
    public Quantization quantization() {
        return quantization;
    }

    /**
     * Replaces the quantizer of the weight, as schedules do between steps: by one of the same storage, such as another rule for the same levels.
     * Learned scales stay.
     *
     * @throws IllegalArgumentException if the weight is not quantized, or only one of the two quantizers learns scales
     */
    public void quantizeWeightsBy(WeightQuantizer next) {
        WeightQuantizer present = quantization.weights();
        if (present == null || present instanceof LearnedScaleQuantizer != next instanceof LearnedScaleQuantizer) {
            throw new IllegalArgumentException(weight() + " has the quantizer " + (present == null ? "none" : present.name())
                    + ", which " + next.name() + " cannot replace");
        }
        if (!next.equals(present)) {
            quantization = new Quantization(next, quantization.activations());
            quantizedVersion = -1;
        }
    }

    /**
     * The codes of the present weight.
     *
     * @throws IllegalStateException if this layer does not quantize its weight
     */
    public QuantizedWeight quantizedWeight(Backend backend) {
        WeightQuantizer quantizer = quantization.weights();
        if (quantizer == null) {
            throw new IllegalStateException(weight() + " is not quantized");
        }
        if (quantized == null) {
            quantized = quantizer.allocate(weight().allocator(), outputs(), inputs());
        }
        if (quantizedVersion != weight().version() || (scale != null && scaleVersion != scale.version())) {
            if (scale != null && quantizer instanceof LearnedScaleQuantizer learned) {
                learned.quantize(backend, weight().value(), scale.value(), quantized);
                scaleVersion = scale.version();
            } else {
                quantizer.quantize(backend, weight().value(), quantized);
            }
            quantizedVersion = weight().version();
        }
        return Objects.requireNonNull(quantized);
    }

    @Override
    LinearFunction.Weight prepare(Backend backend) {
        WeightQuantizer quantizer = quantization.weights();
        return quantizer == null ? LinearFunction.Weight.PLAIN : new LinearFunction.Weight(quantizedWeight(backend), quantizer);
    }
}
