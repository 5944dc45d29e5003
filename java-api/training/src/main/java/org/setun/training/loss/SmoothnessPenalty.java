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
 * {@code scale * sum of (x_i - x_(i-1))^2} over the rows of each sequence: activations that change slowly along a text (temporal activation
 * regularization, Merity et al., arXiv 1708.01009). Input: {@code x} F32[batch*t][k]; output F64[1].
 *
 * @param t     rows of a sequence; rows of different sequences are not compared
 * @param scale factor of every square
 */
public record SmoothnessPenalty(long t, float scale) implements Function {

    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor x = inputs[0].require("x", DType.F32, -1, -1);
        if (t < 1 || x.rows() % t != 0) {
            throw new IllegalArgumentException("t = " + t + " must divide the rows of " + x);
        }
        MemorySegment values = x.segment();
        double sum = 0;
        for (long i = x.columns(); i < x.size(); i++) {
            if (i / x.columns() % t != 0) {
                double apart = values.getAtIndex(F32, i) - (double) values.getAtIndex(F32, i - x.columns());
                sum += apart * apart;
            }
        }
        Tensor loss = context.allocate(DType.F64, 1);
        loss.segment().set(ValueLayout.JAVA_DOUBLE, 0, scale * sum);
        return new Tensor[]{loss};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor x = context.input(0);
        double outer = 2 * scale * Objects.requireNonNull(outputGradients[0]).item();
        Tensor gradient = context.borrow(DType.F32, x.shape());
        MemorySegment values = x.segment();
        long k = x.columns();
        for (long i = 0; i < x.size(); i++) {
            long position = i / k % t;
            double value = values.getAtIndex(F32, i);
            double slope = position == 0 ? 0 : value - values.getAtIndex(F32, i - k);
            slope -= position == t - 1 ? 0 : values.getAtIndex(F32, i + k) - value;
            gradient.segment().setAtIndex(F32, i, (float) (outer * slope));
        }
        return new Tensor[]{gradient};
    }
}
