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
 * {@code scale * sum of (q - clip(w, low, high))^2} with q the quantized weight: pulls weights to the middle of their levels, so that they stop
 * oscillating around the boundary between two (Nagel et al., arXiv 2203.11086). {@code low} and {@code high} are the outermost levels in use, per
 * piece of the weight that shares a scale; weights beyond them are not pulled. Inputs: {@code w} and {@code q} F32[m][k]; output F64[1]. The quantized
 * weight counts as a constant.
 *
 * @param pieces of one size that have a scale each
 * @param scale  factor of every weight
 */
public record DampeningPenalty(long pieces, float scale) implements Function {

    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor w = inputs[0].require("w", DType.F32, -1, -1);
        Tensor q = inputs[1].require("q", DType.F32, w.rows(), w.columns());
        if (pieces < 1 || w.size() % pieces != 0) {
            throw new IllegalArgumentException("pieces = " + pieces + " must divide " + w);
        }
        MemorySegment weights = w.segment();
        MemorySegment levels = q.segment();
        Tensor difference = context.borrow(DType.F32, w.shape()); // w - q, 0 where w is clipped
        MemorySegment out = difference.segment();
        double sum = 0;
        long length = w.size() / pieces;
        for (long first = 0; first < w.size(); first += length) {
            float low = Float.POSITIVE_INFINITY;
            float high = Float.NEGATIVE_INFINITY;
            for (long i = first; i < first + length; i++) {
                low = Math.min(low, levels.getAtIndex(F32, i));
                high = Math.max(high, levels.getAtIndex(F32, i));
            }
            for (long i = first; i < first + length; i++) {
                float value = weights.getAtIndex(F32, i);
                double clipped = value < low ? low : value > high ? high : value;
                double apart = clipped - levels.getAtIndex(F32, i);
                sum += apart * apart;
                out.setAtIndex(F32, i, value < low || value > high ? 0 : (float) apart);
            }
        }
        if (context.recording()) {
            context.save(difference);
        } else {
            context.giveBack(difference);
        }
        Tensor loss = context.allocate(DType.F64, 1);
        loss.segment().set(ValueLayout.JAVA_DOUBLE, 0, scale * sum);
        return new Tensor[]{loss};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        float outer = 2 * scale * (float) Objects.requireNonNull(outputGradients[0]).item();
        Tensor difference = context.saved(0);
        context.backend().axpby(outer, difference.segment(), 0, difference.segment(), difference.size());
        return new Tensor[]{difference, null};
    }
}
