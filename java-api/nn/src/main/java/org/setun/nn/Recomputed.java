package org.setun.nn;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A part of a model that keeps nothing between the passes but its input: backward runs it a second time, recording, and then back (arXiv
 * 1604.06174). Quantized weights keep their codes as long as the weight does not change, and all else is a function of the input, so the second run
 * computes the same bits and the gradients are those of a run that keeps everything. Input and output: F32 of the same shape.
 *
 * <p>One block a part needs the least memory up to about 15 blocks, where the inputs of blocks take as much as what is inside one.
 */
final class Recomputed implements Function {

    /** From input to output, on the given tape. */
    @FunctionalInterface
    interface Part {
        Tensor run(Tape tape, Tensor x);
    }

    private final Part part;

    Recomputed(Part part) {
        this.part = part;
    }

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor y = context.allocate(DType.F32, inputs[0].shape());
        Tape inner = context.inner(false);
        copy(context, part.run(inner, inputs[0]), y);
        inner.reset();
        return new Tensor[]{y};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor x = context.input(0);
        Tensor dx = context.borrow(DType.F32, x.shape());
        Tape inner = context.inner(true);
        Tensor leaf = x.reshape(x.rows(), x.columns());
        inner.watch(leaf);
        inner.backward(part.run(inner, leaf), Objects.requireNonNull(outputGradients[0]));
        copy(context, Objects.requireNonNull(inner.gradient(leaf)), dx);
        inner.reset();
        return new Tensor[]{dx};
    }

    private static void copy(FunctionContext context, Tensor from, Tensor to) {
        context.backend().axpby(1, from.segment(), 0, to.segment(), to.size());
    }
}
