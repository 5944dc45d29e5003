package org.setun.nn.function;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/** {@code y = max(x, 0)}; the gradient at 0 is 0. */
public final class Relu implements Function {

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor x = inputs[0];
        if (x.type() != DType.F32) {
            throw new IllegalArgumentException("x is " + x + ", must be F32");
        }
        Tensor y = context.allocate(DType.F32, x.shape());
        context.backend().reluForward(x.segment(), x.size(), y.segment());
        context.save(y);
        return new Tensor[]{y};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor dy = Objects.requireNonNull(outputGradients[0]);
        Tensor dx = context.borrow(DType.F32, dy.shape());
        // y > 0 exactly where x > 0, so x need not be kept
        context.backend().reluBackward(context.saved(0).segment(), dy.segment(), dy.size(), dx.segment());
        return new Tensor[]{dx};
    }
}
