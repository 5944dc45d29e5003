package org.setun.nn.function;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.HadamardOps;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/**
 * The normalized Hadamard transform of each row ({@link HadamardOps}): {@code y = H (signs * x)}, or its inverse. Input: {@code x} F32[n][d]; output
 * likewise. Its gradient is the other one of the two, since the matrix is orthogonal.
 *
 * @param signs   packed random signs of d values, or null for none
 * @param inverse {@code y = signs * (H^T x)} instead
 */
public record Hadamard(@Nullable MemorySegment signs, boolean inverse) implements Function {

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor x = inputs[0].require("x", DType.F32, -1, -1);
        Tensor y = context.allocate(DType.F32, x.shape());
        transform(context, inverse, x, y);
        return new Tensor[]{y};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor dy = Objects.requireNonNull(outputGradients[0]);
        Tensor dx = context.borrow(DType.F32, dy.shape());
        transform(context, !inverse, dy, dx);
        return new Tensor[]{dx};
    }

    private void transform(FunctionContext context, boolean backwards, Tensor from, Tensor to) {
        long d = from.columns();
        context.backend().hadamard(Element.F32, backwards, from.segment(), d, signs, from.rows(), d, to.segment(), d);
    }
}
