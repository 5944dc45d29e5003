package org.setun.training.loss;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/**
 * A penalty that is a sum over the elements of a weight: {@code scale * sum of penalty(w, step)}. Input: the weight F32[m][k]; output F64[1]. Steps
 * count as constants. Computed in Java, once per step of training.
 */
abstract class ElementPenalty implements Function {

    static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

    private final float scale;
    private final float[] steps;

    /**
     * A penalty.
     *
     * @param scale of every element
     * @param steps distance of two levels: one per piece of the weight, all pieces of one size
     */
    ElementPenalty(float scale, float... steps) {
        this.scale = scale;
        this.steps = steps;
    }

    /** Of one weight. */
    abstract double penalty(double w, double step);

    /** The derivative of {@link #penalty} in {@code w}. */
    abstract double slope(double w, double step);

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor w = inputs[0];
        if (w.type() != DType.F32 || w.size() % steps.length != 0) {
            throw new IllegalArgumentException("w is " + w + ", must be F32 in " + steps.length + " pieces of one size");
        }
        MemorySegment values = w.segment();
        double sum = 0;
        for (long i = 0; i < w.size(); i++) {
            sum += penalty(values.getAtIndex(F32, i), step(i, w));
        }
        Tensor loss = context.allocate(DType.F64, 1);
        loss.segment().set(ValueLayout.JAVA_DOUBLE, 0, scale * sum);
        return new Tensor[]{loss};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor w = context.input(0);
        double outer = scale * Objects.requireNonNull(outputGradients[0]).item();
        Tensor gradient = context.borrow(DType.F32, w.shape());
        MemorySegment values = w.segment();
        MemorySegment out = gradient.segment();
        for (long i = 0; i < w.size(); i++) {
            out.setAtIndex(F32, i, (float) (outer * slope(values.getAtIndex(F32, i), step(i, w))));
        }
        return new Tensor[]{gradient};
    }

    private double step(long index, Tensor w) {
        return steps[(int) (index / (w.size() / steps.length))];
    }
}
