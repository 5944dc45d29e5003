package org.setun.training.optimizer;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.nn.BitLinear;
import org.setun.nn.DType;
import org.setun.nn.Initializer;
import org.setun.nn.Linear;
import org.setun.nn.Model;
import org.setun.nn.Parameter;
import org.setun.nn.Tensor;
import org.setun.training.checkpoint.NamedTensor;

/**
 * Trains a change of low rank in the place of each matrix (LoRA, arXiv 2106.09685): {@code W = W0 + alpha / rank * up * down} with
 * {@code up} F32[outputs][rank], 0 at first, and {@code down} F32[rank][inputs]. W stays the layer's latent weight, is quantized as ever and needs
 * nothing of this when it is exported. Embedding and head stay as they are unless they are quantized, which makes them matrices like the others; norms, biases,
 * and the scales and offsets of quantizers train as they are. The optimizer's state shrinks to that of the factors; W0 is kept beside W. One thread.
 */
public final class LowRank implements WeightConstraint {

    /** A matrix and its factors. */
    private record Pair(Parameter weight, Tensor start, Parameter up, Parameter down) {
    }

    private final Backend backend;
    private final float scale;
    private final List<Pair> pairs = new ArrayList<>();
    private final List<Parameter> parameters = new ArrayList<>();

    /**
     * Factors for all linear layers of {@code model}, whose present weights are W0.
     *
     * @param allocator for factors and W0
     * @param rank      at least 1
     * @param alpha     what the product is multiplied by, times rank; above 0
     * @param seed      of the first values of {@code down}, normally distributed with variance 1 / inputs
     */
    public LowRank(Backend backend, Allocator allocator, Model model, int rank, double alpha, long seed) {
        if (rank < 1 || !(alpha > 0)) {
            throw new IllegalArgumentException("rank = " + rank + " must be at least 1, alpha = " + alpha + " above 0");
        }
        this.backend = backend;
        scale = (float) (alpha / rank);
        Initializer initializer = new Initializer(allocator, seed);
        for (Linear linear : model.linears()) {
            Parameter weight = linear.weight();
            Tensor start = Tensor.allocate(allocator, DType.F32, weight.shape());
            start.copyFrom(weight.value());
            Parameter up = initializer.constant(weight.name() + ".lora_up", 0, linear.outputs(), rank);
            Parameter down = initializer.normal(weight.name() + ".lora_down", 1 / Math.sqrt(linear.inputs()), rank, linear.inputs());
            pairs.add(new Pair(weight, start, up, down));
            parameters.add(up);
            parameters.add(down);
        }
        Set<Parameter> scales = Collections.newSetFromMap(new IdentityHashMap<>()); // with offsets they have two rows, like a matrix
        for (Linear linear : model.linears()) {
            if (linear instanceof BitLinear quantized && quantized.scale() != null) {
                scales.add(quantized.scale());
            }
        }
        model.parameters().stream().filter(parameter -> parameter.shape().rank() == 1 || scales.contains(parameter))
                .forEach(parameters::add);
    }

    /** What the optimizer is to change in the place of the model's parameters. */
    public List<Parameter> parameters() {
        return List.copyOf(parameters);
    }

    /** Turns the gradients of the matrices into those of their factors. */
    @Override
    public void gradients() {
        for (Pair pair : pairs) {
            Tensor dw = pair.weight.gradient();
            long outputs = dw.rows();
            long inputs = dw.columns();
            long rank = pair.down.shape().rows();
            backend.gemmF32(false, true, outputs, rank, inputs, scale, dw.segment(), inputs, pair.down.value().segment(), inputs, 0,
                    pair.up.gradient().segment(), rank);
            backend.gemmF32(true, false, rank, inputs, outputs, scale, pair.up.value().segment(), rank, dw.segment(), inputs, 0,
                    pair.down.gradient().segment(), inputs);
        }
    }

    /** Makes the matrices of their factors. */
    @Override
    public void apply(long update) {
        for (Pair pair : pairs) {
            Tensor w = pair.weight.value();
            w.copyFrom(pair.start);
            backend.gemmF32(false, false, w.rows(), w.columns(), pair.down.shape().rows(), scale, pair.up.value().segment(),
                    pair.down.shape().rows(), pair.down.value().segment(), w.columns(), 1, w.segment(), w.columns());
            pair.weight.markChanged();
        }
    }

    /** The factors: with W0, which is the start of the run, they give the matrices. */
    @Override
    public List<NamedTensor> state() {
        List<NamedTensor> state = new ArrayList<>();
        for (Pair pair : pairs) {
            for (Parameter factor : List.of(pair.up, pair.down)) {
                state.add(new NamedTensor(factor.name(), new long[]{factor.shape().rows(), factor.shape().columns()},
                        factor.value().segment()));
            }
        }
        return state;
    }
}
