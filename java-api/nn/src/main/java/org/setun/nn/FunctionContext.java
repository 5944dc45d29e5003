package org.setun.nn;

import java.util.Objects;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;

/** One application of a {@link Function}: its inputs, its memory, and what it saves for backward. Not for use beyond that. */
public final class FunctionContext {

    private static final Object[] NOTHING = {};

    /**
     * Where the gradient of an input goes.
     *
     * @param tensor     F32, shaped like the input
     * @param accumulate true: add to {@code tensor}; false: overwrite it, its contents are undefined
     */
    public record Sink(Tensor tensor, boolean accumulate) {

        /** The factor of the old contents: 1 or 0. */
        public float beta() {
            return accumulate ? 1 : 0;
        }
    }

    final Function function;
    final Tensor[] inputs;
    Tensor[] outputs = {};
    private final Tape tape;
    private final boolean recording;
    private Object[] saved = NOTHING;

    FunctionContext(Tape tape, Function function, Tensor[] inputs, boolean recording) {
        this.tape = tape;
        this.function = function;
        this.inputs = inputs;
        this.recording = recording;
    }

    public Backend backend() {
        return tape.backend();
    }

    /** Of the function's matrix products. */
    public Precision precision() {
        return tape.precision();
    }

    /** True if a backward pass may follow: only then is there a reason to save anything. */
    public boolean recording() {
        return recording;
    }

    /** How many inputs there are. */
    public int inputCount() {
        return inputs.length;
    }

    public Tensor input(int index) {
        return inputs[index];
    }

    /** True if the loss may depend on this input, and somebody wants to know how. */
    public boolean needsGradient(int input) {
        return tape.gradients().isWanted(inputs[input]);
    }

    /** A tape of its own for a part of a model, over the same memory: what it allocates must be reset before more is borrowed or allocated here. */
    Tape inner(boolean record) {
        return record
                ? Tape.recording(backend(), tape.workspace(), precision())
                : Tape.evaluating(backend(), tape.workspace(), precision());
    }

    /** The memory of the step. */
    public Allocator allocator() {
        return tape.workspace();
    }

    /** A tensor with undefined contents that lives until the end of the step. */
    public Tensor allocate(DType type, long... dimensions) {
        return Tensor.allocate(tape.workspace(), type, Shape.of(dimensions));
    }

    /** A tensor with undefined contents that lives until the end of the step. */
    public Tensor allocate(DType type, Shape shape) {
        return Tensor.allocate(tape.workspace(), type, shape);
    }

    /**
     * A tensor with undefined contents for scratch, for a gradient, or for an output that backward does not read. It ends when it is
     * {@linkplain #giveBack given back}, goes to the tape when {@link Function#backward} returns it, or is {@linkplain Tape#discard discarded}.
     */
    public Tensor borrow(DType type, Shape shape) {
        return tape.recycler().borrow(type, shape);
    }

    /** A tensor with undefined contents for scratch or for a gradient. */
    public Tensor borrow(DType type, long... dimensions) {
        return borrow(type, Shape.of(dimensions));
    }

    /** Ends a borrowed tensor; its memory may be lent again at once. */
    public void giveBack(Tensor borrowed) {
        tape.recycler().giveBack(borrowed);
    }

    /** Keeps objects (tensors or descriptions) for backward. */
    public void save(Object... objects) {
        if (recording) {
            saved = objects;
        }
    }

    /** What {@link #save} kept at this index. */
    public <T> T saved(int index, Class<T> type) {
        return type.cast(Objects.requireNonNull(saved[index]));
    }

    /** The tensor that {@link #save} kept at this index. */
    public Tensor saved(int index) {
        return saved(index, Tensor.class);
    }

    /**
     * In backward: the place where the gradient of an input is summed. What is written there must not be returned as well, and must be
     * written before the sink of another input is asked for.
     */
    public Sink sink(int input) {
        return tape.gradients().sink(inputs[input]);
    }

    /** In backward: like {@link #sink}, but always to be added to. */
    public Tensor accumulator(int input) {
        Sink sink = sink(input);
        if (!sink.accumulate()) {
            sink.tensor().clear();
        }
        return sink.tensor();
    }

    /**
     * In backward: an output gradient that may be overwritten: itself if nobody else reads it, else a borrowed copy. Either may be
     * returned; a copy that is not returned must be given back.
     */
    public Tensor exclusive(Tensor outputGradient) {
        return tape.gradients().exclusive(outputGradient);
    }

    void forgetSaved() {
        saved = NOTHING;
    }
}
