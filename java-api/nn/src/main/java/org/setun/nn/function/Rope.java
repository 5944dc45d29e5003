package org.setun.nn.function;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NnOps;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Shape;
import org.setun.nn.Tensor;

/**
 * Rotary position embedding (arXiv 2104.09864). Inputs: {@code x} F32[n][heads*headDim], {@code positions} I32[n].
 *
 * @param headDim    values per head, even
 * @param theta      base of the angles
 * @param convention which pairs rotate together
 * @param inPlace    true: the output is a view of {@code x}, whose old values are lost; for inputs that nobody else reads
 */
public record Rope(long headDim, float theta, NnOps.Rope convention, boolean inPlace) implements Function {

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor x = inputs[0].require("x", DType.F32, -1, -1);
        inputs[1].require("positions", DType.I32, x.rows());
        if (headDim <= 0 || x.columns() % headDim != 0) {
            throw new IllegalArgumentException("x is " + x + ": its row length must be a multiple of headDim = " + headDim);
        }
        Tensor y;
        if (inPlace) {
            y = x.reshape(x.rows(), x.columns());
        } else {
            y = context.allocate(DType.F32, x.shape());
            context.backend().axpby(1, x.segment(), 0, y.segment(), x.size());
        }
        rotate(context, y, inputs[1], false);
        return new Tensor[]{y};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor dx = context.exclusive(Objects.requireNonNull(outputGradients[0]));
        rotate(context, dx, context.input(1), true);
        return new Tensor[]{dx, null};
    }

    private void rotate(FunctionContext context, Tensor x, Tensor positions, boolean inverse) {
        Shape shape = x.shape();
        context.backend().rope(x.segment(), shape.rows(), shape.columns() / headDim, headDim, shape.columns(), positions.segment(), theta,
                convention, inverse);
    }
}
