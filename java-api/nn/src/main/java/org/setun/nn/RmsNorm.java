package org.setun.nn;

import org.setun.nn.function.RmsNormFunction;

/** A root-mean-square norm of rows with one trained factor per column (arXiv 1910.07467). */
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

    /** {@code x} F32[n][d] to F32[n][d]. */
    public Tensor forward(Tape tape, Tensor x) {
        return tape.apply(function, x, weight.value());
    }
}
