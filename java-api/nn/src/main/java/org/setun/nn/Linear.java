package org.setun.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.nn.function.LinearFunction;

/** A linear layer {@code y = x * W^T + bias} in fp32. {@link BitLinear} is its quantized kind. */
public sealed class Linear permits BitLinear {

    private final Parameter weight;
    private final @Nullable Parameter bias;

    /**
     * A layer over parameters.
     *
     * @param weight F32[outputs][inputs]
     * @param bias   F32[outputs], or null
     */
    public Linear(Parameter weight, @Nullable Parameter bias) {
        weight.value().require(weight.name(), DType.F32, -1, -1);
        if (bias != null) {
            bias.value().require(bias.name(), DType.F32, weight.value().rows());
        }
        this.weight = weight;
        this.bias = bias;
    }

    /**
     * A layer with what {@code quantization} asks for: a {@link BitLinear} unless it is none. The quantizer of its input is taken as it is: whoever
     * makes the layers of a model gives each place {@linkplain ActivationQuantizer#at its own}.
     */
    public static Linear of(Parameter weight, @Nullable Parameter bias, Quantization quantization) {
        return quantization.isNone() ? new Linear(weight, bias) : new BitLinear(weight, bias, quantization);
    }

    public long inputs() {
        return weight.value().columns();
    }

    public long outputs() {
        return weight.value().rows();
    }

    /** F32[outputs][inputs]; the latent weight of a quantized layer. */
    public Parameter weight() {
        return weight;
    }

    public @Nullable Parameter bias() {
        return bias;
    }

    /** What this layer quantizes. */
    public Quantization quantization() {
        return Quantization.NONE;
    }

    /** Weight, then bias if there is one. */
    public List<Parameter> parameters() {
        return bias == null ? List.of(weight) : List.of(weight, bias);
    }

    /** {@code x} F32[n][inputs] to F32[n][outputs]. */
    public Tensor forward(Tape tape, Tensor x) {
        return forwardAll(tape, x, List.of(this))[0];
    }

    /** {@code x} F32[n][inputs] to {@code residual} F32[n][outputs] plus the product. */
    public Tensor forward(Tape tape, Tensor x, Tensor residual) {
        return project(tape, x, List.of(this), residual)[0];
    }

    /**
     * Layers that share one input, and with it one quantizer of that input; their weights may be quantized in different ways. All have a bias, or
     * none has. One output per layer.
     */
    public static Tensor[] forwardAll(Tape tape, Tensor x, List<? extends Linear> layers) {
        return project(tape, x, layers, null);
    }

    private static Tensor[] project(Tape tape, Tensor x, List<? extends Linear> layers, @Nullable Tensor residual) {
        Linear first = layers.getFirst();
        LinearObserver observer = tape.observer();
        if (observer != null) {
            observer.observe(layers, x);
        }
        List<LinearFunction.Weight> weights = new ArrayList<>();
        for (Linear layer : layers) {
            if (!Objects.equals(layer.quantization().activations(), first.quantization().activations())
                    || (layer.bias == null) != (first.bias == null)) {
                throw new IllegalArgumentException(
                        layer.weight + " and " + first.weight + " differ in the quantization of their input or in bias");
            }
            weights.add(layer.prepare(tape.backend()));
        }
        List<Tensor> inputs = new ArrayList<>(List.of(x));
        for (Linear layer : layers) {
            inputs.add(layer.weight.value());
        }
        for (Linear layer : layers) {
            if (layer.bias != null) {
                inputs.add(layer.bias.value());
            }
        }
        if (residual != null) {
            inputs.add(residual);
        }
        for (Linear layer : layers) {
            if (layer instanceof BitLinear quantized && quantized.scale() != null) {
                inputs.add(quantized.scale().value());
            }
        }
        ActivationQuantizer activations = first.quantization().activations();
        if (activations != null) {
            activations.parameters().forEach(parameter -> inputs.add(parameter.value()));
        }
        Tensor[] outputs = tape.applyAll(
                new LinearFunction(weights, activations, first.bias != null, residual != null),
                inputs.toArray(Tensor[]::new));
        if (observer != null) {
            observer.observeOutputs(layers, outputs);
        }
        return outputs;
    }

    /**
     * Ends an input of this layer that nobody else reads: the layer has kept its codes, unless the quantizer's gradient needs the values, and what made
     * the input needs it no more.
     */
    void discardInput(Tape tape, Tensor x) {
        ActivationQuantizer activations = quantization().activations();
        if (activations != null && activations.isStraightThrough()) {
            tape.discard(x);
        }
    }

    /** The weight as the function takes it. */
    LinearFunction.Weight prepare(Backend backend) {
        return LinearFunction.Weight.PLAIN;
    }
}
