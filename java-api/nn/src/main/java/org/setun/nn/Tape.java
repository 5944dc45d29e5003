package org.setun.nn;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.Workspace;

/**
 * Reverse-mode differentiation. A recording tape remembers the {@link Function}s that were applied to parameters, watched tensors, and
 * what came of them; {@link #backward} runs them in reverse and sums the gradients of a tensor over all its uses. Gradients of
 * {@link Parameter}s are added to the parameters; an evaluating tape records nothing and computes the same values.
 *
 * <p>Outputs and gradients live in the tape's workspace until {@link #reset}, which ends the step. One thread at a time.
 */
public final class Tape {

    private final Backend backend;
    private final Workspace workspace;
    private final boolean recording;
    private final Precision precision;
    private final long mark;
    private final Recycler recycler;
    private final List<FunctionContext> applications = new ArrayList<>();
    private final Gradients gradients;
    private @Nullable LinearObserver observer;

    private Tape(Backend backend, Workspace workspace, boolean recording, Precision precision) {
        this.backend = backend;
        this.workspace = workspace;
        this.recording = recording;
        this.precision = precision;
        mark = workspace.mark();
        recycler = new Recycler(workspace);
        gradients = new Gradients(backend, recycler);
    }

    /** A tape for training in fp32. */
    public static Tape recording(Backend backend, Workspace workspace) {
        return recording(backend, workspace, Precision.FP32);
    }

    /** A tape for training. */
    public static Tape recording(Backend backend, Workspace workspace, Precision precision) {
        return new Tape(backend, workspace, true, precision);
    }

    /** A tape for forward passes alone, in fp32. */
    public static Tape evaluating(Backend backend, Workspace workspace) {
        return evaluating(backend, workspace, Precision.FP32);
    }

    /** A tape for forward passes alone. */
    public static Tape evaluating(Backend backend, Workspace workspace, Precision precision) {
        return new Tape(backend, workspace, false, precision);
    }

    public Backend backend() {
        return backend;
    }

    public Workspace workspace() {
        return workspace;
    }

    public boolean isRecording() {
        return recording;
    }

    /** Of matrix products. */
    public Precision precision() {
        return precision;
    }

    /** From now on {@code observer} sees the inputs and outputs of the linear layers on this tape; null for nobody. */
    public void observe(@Nullable LinearObserver newObserver) {
        observer = newObserver;
    }

    @Nullable
    LinearObserver observer() {
        return observer;
    }

    /** Applies a function with one output. */
    public Tensor apply(Function function, Tensor... inputs) {
        Tensor[] outputs = applyAll(function, inputs);
        if (outputs.length != 1) {
            throw new IllegalArgumentException(function.name() + " has " + outputs.length + " outputs; use applyAll");
        }
        return outputs[0];
    }

    /** Applies a function. */
    public Tensor[] applyAll(Function function, Tensor... inputs) {
        boolean needed = false;
        for (int i = 0; i < inputs.length && recording; i++) {
            needed |= gradients.isWanted(inputs[i]);
        }
        FunctionContext context = new FunctionContext(this, function, inputs.clone(), needed);
        Tensor[] outputs = function.forward(context, inputs);
        for (Tensor output : outputs) {
            for (Tensor input : inputs) {
                if (output == input) {
                    throw new IllegalStateException(function.name() + " returned its input " + input + " as an output; return a view");
                }
            }
        }
        if (needed) {
            context.outputs = outputs;
            applications.add(context);
            for (Tensor output : outputs) {
                gradients.want(output);
            }
        }
        return outputs;
    }

    /**
     * Says that nobody will read the elements of an output again, neither in the forward pass nor in the backward pass; its gradient may flow all the
     * same. If its function {@linkplain FunctionContext#borrow borrowed} the memory, that memory serves other tensors from now on; else nothing
     * happens, as while an observer looks on.
     */
    public void discard(Tensor output) {
        if (observer == null && recycler.isLent(output)) {
            recycler.giveBack(output);
        }
    }

    /** Asks for the gradient of a tensor that is no parameter: before it is used, and to be read with {@link #gradient}. */
    public void watch(Tensor tensor) {
        gradients.watch(tensor);
    }

    /** The gradient of a watched tensor after {@link #backward}, or null if it had no influence. Lives until {@link #reset}. */
    public @Nullable Tensor gradient(Tensor watched) {
        return gradients.of(watched);
    }

    /** Adds the gradients of {@code loss}, a tensor with one element, to the parameters and watched tensors. */
    public void backward(Tensor loss) {
        if (loss.size() != 1) {
            throw new IllegalArgumentException("loss is " + loss + ", must have one element; for others give the output gradient");
        }
        Tensor one = recycler.borrow(DType.F32, loss.shape());
        backend.fill(one.segment(), 1, 1);
        backward(loss, one);
    }

    /** Adds the gradients of the inner product of {@code output} and {@code outputGradient}. */
    public void backward(Tensor output, Tensor outputGradient) {
        backward(List.of(output), List.of(outputGradient));
    }

    /**
     * Adds the gradients of the sum of the inner products of outputs and their gradients. A tape runs backward once per {@link #reset}.
     */
    public void backward(List<Tensor> outputs, List<Tensor> outputGradients) {
        if (!recording) {
            throw new IllegalStateException("an evaluating tape has no backward pass");
        }
        for (int i = 0; i < outputs.size(); i++) {
            if (!gradients.isWanted(outputs.get(i))) {
                throw new IllegalArgumentException(
                        "output " + i + ", " + outputs.get(i) + ", depends on no parameter or watched tensor of this tape");
            }
            Tensor gradient = outputGradients.get(i);
            if (gradient.type() != DType.F32 || !gradient.shape().equals(outputs.get(i).shape())) {
                throw new IllegalArgumentException(
                        "the gradient of output " + i + " is " + gradient + ", must be F32" + outputs.get(i).shape());
            }
            gradients.add(outputs.get(i), gradient);
        }
        for (int i = applications.size() - 1; i >= 0; i--) {
            run(applications.get(i));
        }
        applications.clear();
    }

    /** Ends the step: forgets all and releases what was allocated from the workspace since this tape was made. */
    public void reset() {
        applications.clear();
        gradients.forget();
        recycler.forget();
        workspace.release(mark);
    }

    private void run(FunctionContext context) {
        @Nullable
        Tensor[] outputGradients = new Tensor[context.outputs.length];
        boolean any = false;
        for (int i = 0; i < outputGradients.length; i++) {
            outputGradients[i] = gradients.of(context.outputs[i]);
            any |= outputGradients[i] != null;
        }
        if (any) {
            accept(context, context.function.backward(context, outputGradients));
        }
        for (Tensor output : context.outputs) {
            gradients.finish(output);
        }
        context.forgetSaved();
    }

    private void accept(FunctionContext context, @Nullable Tensor[] inputGradients) {
        if (inputGradients.length != context.inputs.length) {
            throw new IllegalStateException(context.function.name() + " returned " + inputGradients.length + " gradients for "
                    + context.inputs.length + " inputs");
        }
        for (int i = 0; i < inputGradients.length; i++) {
            Tensor gradient = inputGradients[i];
            Tensor input = context.inputs[i];
            if (gradient == null) {
                continue;
            }
            if (gradient.type() != DType.F32 || gradient.size() != input.size()) {
                throw new IllegalStateException(
                        context.function.name() + " returned " + gradient + " as the gradient of input " + i + ", " + input);
            }
            if (gradients.isWanted(input)) {
                gradients.add(input, gradient);
            }
        }
        for (Tensor gradient : inputGradients) {
            if (gradient != null) {
                gradients.giveBackUnheld(gradient);
            }
        }
    }

    Gradients gradients() {
        return gradients;
    }

    Recycler recycler() {
        return recycler;
    }
}
