package org.setun.nn;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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

    private static final class Slot {
        @Nullable
        Gradient gradient;
        boolean watched;
    }

    private final Backend backend;
    private final Workspace workspace;
    private final boolean recording;
    private final long mark;
    private final Recycler recycler;
    private final List<FunctionContext> applications = new ArrayList<>();
    private final Map<Tensor, Slot> slots = new IdentityHashMap<>();
    private @Nullable FunctionContext running; // backward

    private Tape(Backend backend, Workspace workspace, boolean recording) {
        this.backend = backend;
        this.workspace = workspace;
        this.recording = recording;
        mark = workspace.mark();
        recycler = new Recycler(workspace);
    }

    /** A tape for training. */
    public static Tape recording(Backend backend, Workspace workspace) {
        return new Tape(backend, workspace, true);
    }

    /** A tape for forward passes alone. */
    public static Tape evaluating(Backend backend, Workspace workspace) {
        return new Tape(backend, workspace, false);
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
            needed |= needsGradient(inputs[i]);
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
                slots.put(output, new Slot());
            }
        }
        return outputs;
    }

    /** Asks for the gradient of a tensor that is no parameter: before it is used, and to be read with {@link #gradient}. */
    public void watch(Tensor tensor) {
        slots.computeIfAbsent(tensor, key -> new Slot()).watched = true;
    }

    /** The gradient of a watched tensor after {@link #backward}, or null if it had no influence. Lives until {@link #reset}. */
    public @Nullable Tensor gradient(Tensor watched) {
        Gradient gradient = pending(watched);
        return gradient == null ? null : gradient.tensor;
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
            Slot slot = slots.get(outputs.get(i));
            if (slot == null) {
                throw new IllegalArgumentException("output " + i + ", " + outputs.get(i) + ", depends on no parameter or watched tensor of this tape");
            }
            Tensor gradient = outputGradients.get(i);
            if (gradient.type() != DType.F32 || !gradient.shape().equals(outputs.get(i).shape())) {
                throw new IllegalArgumentException("the gradient of output " + i + " is " + gradient + ", must be F32" + outputs.get(i).shape());
            }
            accumulate(outputs.get(i), gradient);
        }
        for (int i = applications.size() - 1; i >= 0; i--) {
            run(applications.get(i));
        }
        applications.clear();
    }

    /** Ends the step: forgets all and releases what was allocated from the workspace since this tape was made. */
    public void reset() {
        applications.clear();
        slots.clear();
        recycler.forget();
        workspace.release(mark);
    }

    private void run(FunctionContext context) {
        @Nullable
        Tensor[] outputGradients = new Tensor[context.outputs.length];
        boolean any = false;
        for (int i = 0; i < outputGradients.length; i++) {
            Gradient gradient = pending(context.outputs[i]);
            if (gradient != null) {
                outputGradients[i] = gradient.tensor;
                any = true;
            }
        }
        if (any) {
            running = context;
            @Nullable
            Tensor[] gradients = context.function.backward(context, outputGradients);
            if (gradients.length != context.inputs.length) {
                throw new IllegalStateException(context.function.name() + " returned " + gradients.length + " gradients for "
                        + context.inputs.length + " inputs");
            }
            for (int i = 0; i < gradients.length; i++) {
                Tensor gradient = gradients[i];
                if (gradient != null) {
                    accept(context, i, gradient);
                }
            }
            giveBackUnheld(context, gradients);
            running = null;
        }
        for (Tensor output : context.outputs) {
            Slot slot = slots.get(output);
            if (slot != null && !slot.watched) {
                drop(slot);
                slots.remove(output);
            }
        }
        context.forgetSaved();
    }

    private void accept(FunctionContext context, int input, Tensor gradient) {
        Tensor target = context.inputs[input];
        if (gradient.type() != DType.F32 || gradient.size() != target.size()) {
            throw new IllegalStateException(context.function.name() + " returned " + gradient + " as the gradient of input " + input + ", "
                    + target);
        }
        if (needsGradient(target)) {
            accumulate(target, gradient);
        }
    }

    private void giveBackUnheld(FunctionContext context, @Nullable Tensor[] gradients) {
        for (Tensor gradient : gradients) {
            if (gradient != null && recycler.isLent(gradient) && context.gradientOf(gradient) == null && !isHeld(context, gradient)) {
                recycler.giveBack(gradient);
            }
        }
    }

    /** True if one of the inputs has {@code gradient} as its gradient. */
    private boolean isHeld(FunctionContext context, Tensor gradient) {
        for (Tensor input : context.inputs) {
            Gradient held = pending(input);
            if (held != null && held.tensor == gradient) {
                return true;
            }
        }
        return false;
    }

    private void accumulate(Tensor target, Tensor gradient) {
        Parameter parameter = target.parameter();
        if (parameter != null) {
            backend.axpby(1, gradient.segment(), parameter.hasGradient() ? 1 : 0, parameter.gradientForWriting().segment(), gradient.size());
            parameter.markGradient();
            return;
        }
        Slot slot = slots.get(target);
        Gradient added = find(gradient);
        Gradient old = slot.gradient;
        if (old == null) {
            hold(slot, added);
        } else if (old.isExclusive()) {
            backend.axpby(1, gradient.segment(), 1, old.tensor.segment(), gradient.size());
        } else if (added.borrowed && added.holders == 0) {
            backend.axpby(1, old.tensor.segment(), 1, gradient.segment(), gradient.size());
            drop(slot);
            hold(slot, added);
        } else {
            Gradient sum = new Gradient(copy(old.tensor), true);
            backend.axpby(1, gradient.segment(), 1, sum.tensor.segment(), gradient.size());
            drop(slot);
            hold(slot, sum);
        }
    }

    /** The bookkeeping of a gradient that a function returned: one that is on its way already, or a new one. */
    private Gradient find(Tensor gradient) {
        if (running != null) {
            Gradient passed = running.gradientOf(gradient);
            if (passed != null) {
                return passed;
            }
            for (Tensor input : running.inputs) {
                Gradient held = pending(input);
                if (held != null && held.tensor == gradient) {
                    return held;
                }
            }
        }
        return new Gradient(gradient, recycler.isLent(gradient));
    }

    FunctionContext.Sink sink(Tensor target) {
        Parameter parameter = target.parameter();
        if (parameter != null) {
            boolean accumulate = parameter.hasGradient();
            parameter.markGradient();
            return new FunctionContext.Sink(parameter.gradientForWriting(), accumulate);
        }
        Slot slot = slots.get(target);
        if (slot == null) {
            throw new IllegalStateException("the gradient of " + target + " is not needed: ask needsGradient first");
        }
        Gradient old = slot.gradient;
        if (old != null && old.isExclusive()) {
            return new FunctionContext.Sink(old.tensor, true);
        }
        Gradient fresh = new Gradient(old == null ? recycler.borrow(DType.F32, target.shape()) : copy(old.tensor), true);
        drop(slot);
        hold(slot, fresh);
        return new FunctionContext.Sink(fresh.tensor, old != null);
    }

    Tensor exclusive(Tensor outputGradient) {
        FunctionContext context = Objects.requireNonNull(running, "exclusive is for backward");
        boolean watched = false;
        for (Tensor output : context.outputs) {
            Slot slot = Objects.requireNonNull(slots.get(output));
            watched |= slot.watched && slot.gradient != null && slot.gradient.tensor == outputGradient;
        }
        return !watched && find(outputGradient).isExclusive() ? outputGradient : copy(outputGradient);
    }

    boolean needsGradient(Tensor tensor) {
        return tensor.parameter() != null || slots.containsKey(tensor);
    }

    @Nullable
    Gradient pending(Tensor tensor) {
        Slot slot = slots.get(tensor);
        return slot == null ? null : slot.gradient;
    }

    Recycler recycler() {
        return recycler;
    }

    private Tensor copy(Tensor tensor) {
        Tensor copy = recycler.borrow(DType.F32, tensor.shape());
        backend.axpby(1, tensor.segment(), 0, copy.segment(), tensor.size());
        return copy;
    }

    private static void hold(Slot slot, Gradient gradient) {
        slot.gradient = gradient;
        gradient.holders++;
    }

    private void drop(Slot slot) {
        Gradient gradient = slot.gradient;
        slot.gradient = null;
        if (gradient != null && --gradient.holders == 0 && gradient.borrowed) {
            recycler.giveBack(gradient.tensor);
        }
    }
}
