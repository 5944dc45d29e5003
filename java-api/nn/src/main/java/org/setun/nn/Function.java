package org.setun.nn;

import org.jspecify.annotations.Nullable;

/**
 * A differentiable operation on tensors. Implement it to add one of your own, apply it with {@link Tape#apply} or
 * {@link Tape#applyAll}, and check it with {@link GradCheck}. What backward needs is kept with {@link FunctionContext#save}, never in
 * fields, so that one instance may be applied many times.
 */
public interface Function {

    /**
     * Computes the outputs. They are new tensors (views of inputs are allowed, the input objects themselves are not), allocated by
     * {@link FunctionContext#allocate}.
     */
    Tensor[] forward(FunctionContext context, Tensor... inputs);

    /**
     * Computes the gradients of the inputs from those of the outputs (F32, shaped like the outputs). An entry of
     * {@code outputGradients} is null if that output had no influence on the loss; not all are.
     *
     * @return one entry per input: its gradient, or null if there is none or if it was written through {@link FunctionContext#sink} or
     *         {@link FunctionContext#accumulator}. A tensor from {@link FunctionContext#borrow} passes to the tape; an output gradient may
     *         be returned as it is; other tensors are only read.
     */
    @Nullable
    Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients);

    /** How messages call this operation. */
    default String name() {
        return getClass().getSimpleName();
    }
}
