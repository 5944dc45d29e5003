package org.setun.nn;

import java.util.ArrayList;
import java.util.List;
import org.setun.kernels.Allocator;
import org.setun.nn.function.CrossEntropy;
import org.setun.nn.function.Relu;

/**
 * A classifier of linear layers with ReLU between them. Before every layer but the first stands an {@link RmsNorm}, as BitNet's BitLinear
 * has it: ternary products have a scale of their own, and the norm keeps the 8-bit range of the next input well used. The first layer sees
 * the raw input, whose per-row quantization needs no norm. The full-precision model has the same norms: it differs in the numbers alone.
 *
 * <p>Parameters: {@code layers.N.norm.weight} (from N = 1), those of the quantizer of the input ({@code layers.N.input.*}), {@code layers.N.weight},
 * {@code layers.N.bias}.
 */
public final class Mlp implements Model {

    private static final Relu RELU = new Relu();
    private static final float NORM_EPS = 1e-5f;

    private final List<Linear> layers = new ArrayList<>();
    private final List<RmsNorm> norms = new ArrayList<>(); // norms[i] stands before layers[i + 1]
    private final List<Parameter> parameters = new ArrayList<>();

    /**
     * A model with He-normal weights (arXiv 1502.01852).
     *
     * @param sizes        values per layer, input first; at least two
     * @param bias         true for biases in all layers
     * @param quantization of all layers
     * @param allocator    for parameters and gradients, usually a pool
     * @param seed         of the first weights
     */
    public Mlp(List<Long> sizes, boolean bias, Quantization quantization, Allocator allocator, long seed) {
        if (sizes.size() < 2 || sizes.stream().anyMatch(size -> size <= 0)) {
            throw new IllegalArgumentException("sizes = " + sizes + " must be two or more, each > 0");
        }
        Initializer initializer = new Initializer(allocator, seed);
        for (int i = 0; i + 1 < sizes.size(); i++) {
            long in = sizes.get(i);
            long out = sizes.get(i + 1);
            String name = "layers." + i;
            if (i > 0) {
                RmsNorm norm = new RmsNorm(initializer.constant(name + ".norm.weight", 1, in), NORM_EPS);
                norms.add(norm);
                parameters.add(norm.weight());
            }
            Parameter weight = initializer.normal(name + ".weight", Math.sqrt(2.0 / in), out, in);
            Parameter offset = bias ? initializer.constant(name + ".bias", 0, out) : null;
            Quantization placed = quantization.at(name, initializer, in);
            parameters.addAll(placed.parameters());
            Linear layer = Linear.of(weight, offset, placed);
            layers.add(layer);
            parameters.addAll(layer.parameters());
        }
    }

    @Override
    public List<Parameter> parameters() {
        return List.copyOf(parameters);
    }

    @Override
    public List<Linear> linears() {
        return List.copyOf(layers);
    }

    /** {@code x} F32[n][first size] to logits F32[n][last size]. */
    public Tensor forward(Tape tape, Tensor x) {
        Tensor y = x;
        for (int i = 0; i < layers.size(); i++) {
            if (i > 0) {
                y = norms.get(i - 1).forward(tape, tape.apply(RELU, y));
            }
            Tensor input = y;
            y = layers.get(i).forward(tape, input);
            if (i > 0) {
                layers.get(i).discardInput(tape, input);
            }
        }
        return y;
    }

    /**
     * The cross entropy of the rows, summed and divided by {@code totalRows}; F64[1].
     *
     * @param labels    I32[n], -1 for rows that do not count
     * @param totalRows rows of the whole step, all micro-batches together
     */
    public Tensor loss(Tape tape, Tensor x, Tensor labels, long totalRows) {
        return tape.apply(new CrossEntropy(1f / totalRows), forward(tape, x), labels);
    }
}
