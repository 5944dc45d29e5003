package org.setun.nn.function;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/**
 * {@code scale * sum of (x - target)^2}: with {@code scale = 1 / size} the mean squared error. Inputs: {@code x} F32 of any shape and
 * {@code target} of the same; without a target it is 0. Output: F64[1].
 *
 * @param scale factor of every square
 */
public record SquaredError(float scale) implements Function {

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor x = inputs[0];
        if (x.type() != DType.F32) {
            throw new IllegalArgumentException("x is " + x + ", must be F32");
        }
        if (inputs.length < 2) {
            return Scalars.output(context, scale * Scalars.sumSquares(context, x), null);
        }
        if (inputs[1].type() != DType.F32 || !inputs[1].shape().equals(x.shape())) {
            throw new IllegalArgumentException("target is " + inputs[1] + ", must be " + x + " as x is");
        }
        Tensor difference = context.borrow(DType.F32, x.shape());
        context.backend().axpby(1, x.segment(), 0, difference.segment(), x.size());
        context.backend().axpby(-1, inputs[1].segment(), 1, difference.segment(), x.size());
        double sum = Scalars.sumSquares(context, difference);
        return Scalars.output(context, scale * sum, difference);
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        float outer = 2 * scale * (float) Objects.requireNonNull(outputGradients[0]).item();
        Tensor x = context.input(0);
        Tensor difference = context.inputCount() < 2 ? x : context.saved(0);
        @Nullable
        Tensor[] gradients = new Tensor[context.inputCount()];
        for (int i = 0; i < gradients.length; i++) {
            if (context.needsGradient(i)) {
                Tensor gradient = context.borrow(DType.F32, x.shape());
                context.backend().axpby(i == 0 ? outer : -outer, difference.segment(), 0, gradient.segment(), x.size());
                gradients[i] = gradient;
            }
        }
        if (difference != x) {
            context.giveBack(difference);
        }
        return gradients;
    }
}
