package org.setun.nn.function;

import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/** {@code y = a + b}, two F32 tensors of one shape: the residual connection. */
public final class Add implements Function {

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor a = inputs[0];
        Tensor b = inputs[1];
        if (a.type() != DType.F32 || b.type() != DType.F32 || !a.shape().equals(b.shape())) {
            throw new IllegalArgumentException("cannot add " + a + " and " + b + ": both must be F32 of one shape");
        }
        Backend backend = context.backend();
        Tensor y = context.allocate(DType.F32, a.shape());
        backend.axpby(1, a.segment(), 0, y.segment(), a.size());
        backend.axpby(1, b.segment(), 1, y.segment(), a.size());
        return new Tensor[]{y};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        return new Tensor[]{outputGradients[0], outputGradients[0]};
    }
}
