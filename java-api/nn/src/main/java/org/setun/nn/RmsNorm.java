package org.setun.nn;

import org.setun.nn.function.RmsNormFunction;

/** A root-mean-square norm with trained factors (arXiv 1910.07467): of rows as long as the weight, or of each such run of longer rows. */
public final class RmsNorm {

    private final Parameter weight;
    private final RmsNormFunction function;

    /**
     * A norm over a parameter.
     *
     * @param weight F32[d]
     * @param eps    added to the mean square, > 0
     */
    public RmsNorm(Parameter weight, float eps) {
        weight.value().require(weight.name(), DType.F32, -1);
        this.weight = weight;
        function = new RmsNormFunction(eps);
    }

    public Parameter weight() {
        return weight;
    }

    /** {@code x} F32[n][g*d] to the same shape. */
    public Tensor forward(Tape tape, Tensor x) {
        return tape.apply(function, x, weight.value());
    }
}
