package org.setun.nn;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;

/**
 * A trained tensor: its value, its gradient (allocated when first needed, F32 like the value), and what the optimizer must know of it.
 * Names are GGUF names ({@code blk.0.attn_q.weight}). Gradients of several backward passes add up until {@link #clearGradient}.
 *
 * <p>Whoever changes the value calls {@link #markChanged}: packed copies of a weight are refreshed when its version has changed.
 */
public final class Parameter {

    private final String name;
    private final Allocator allocator;
    private final boolean decay;
    private final Tensor value;
    private @Nullable Tensor gradient;
    private boolean gradientIsZero = true;
    private long version;

    /**
     * A parameter with undefined value.
     *
     * @param allocator gives value and gradient their memory: a pool, as both outlive a step
     * @param decay     true if weight decay applies (matrices; not norms, biases, scales)
     */
    public Parameter(String name, Allocator allocator, boolean decay, Shape shape) {
        this.name = name;
        this.allocator = allocator;
        this.decay = decay;
        value = Tensor.allocate(allocator, DType.F32, shape, this);
    }

    public String name() {
        return name;
    }

    public Shape shape() {
        return value.shape();
    }

    /** The value. As an input of a {@link Function} it stands for this parameter. */
    public Tensor value() {
        return value;
    }

    /** True if weight decay applies. */
    public boolean decay() {
        return decay;
    }

    /** The sum of the gradients since {@link #clearGradient}; zeros if there were none. */
    public Tensor gradient() {
        Tensor sum = gradientForWriting();
        if (gradientIsZero) {
            sum.clear();
            gradientIsZero = false;
        }
        return sum;
    }

    /** Sets the gradient to 0. Costs nothing: the next gradient overwrites instead of adding. */
    public void clearGradient() {
        gradientIsZero = true;
    }

    /** Counts the changes of the value. */
    public long version() {
        return version;
    }

    /** Says that the elements of the value have changed. */
    public void markChanged() {
        version++;
    }

    /** Overwrites the value; {@code values} F32 of the same size, row-major. */
    public void load(MemorySegment values) {
        if (values.byteSize() != value.byteSize()) {
            throw new IllegalArgumentException("values of " + name + " have " + values.byteSize() + " bytes, must have "
                    + value.byteSize() + " for " + value);
        }
        value.segment().copyFrom(values);
        markChanged();
    }

    /** Overwrites the value; as many elements as the value has, row-major. */
    public void load(float[] values) {
        load(MemorySegment.ofArray(values));
    }

    Allocator allocator() {
        return allocator;
    }

    /** The memory of the gradient, whose contents count only if {@link #hasGradient}. */
    Tensor gradientForWriting() {
        if (gradient == null) {
            gradient = Tensor.allocate(allocator, DType.F32, value.shape());
        }
        return gradient;
    }

    /** False if the gradient is 0 and its memory must be overwritten, not added to. */
    boolean hasGradient() {
        return !gradientIsZero;
    }

    void markGradient() {
        gradientIsZero = false;
    }

    @Override
    public String toString() {
        return name + " " + value;
    }
}
