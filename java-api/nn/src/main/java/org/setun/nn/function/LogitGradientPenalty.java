package org.setun.nn.function;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/**
 * The squared length of the gradient that cross entropy sends into the network: {@code scale * sum over rows of |p - onehot|^2} with
 * {@code p = softmax(logits)}. Near a minimum of the loss it vanishes; as a penalty it flattens the loss there. Its own gradient in the logits is
 * {@code 2 p (g - sum of p g)} with {@code g = p - onehot}. Inputs: {@code logits} F32[n][vocab], {@code targets} I32[n] in [0, vocab), or -1 for
 * rows that do not count. Output: F64[1].
 *
 * @param scale factor of every row
 */
public record LogitGradientPenalty(float scale) implements Function {

    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor logits = inputs[0].require("logits", DType.F32, -1, -1);
        Tensor targets = inputs[1].require("targets", DType.I32, logits.rows());
        long rows = logits.rows();
        Tensor losses = context.borrow(DType.F32, rows);
        Tensor gradient = context.borrow(DType.F32, logits.shape());
        context.backend().crossEntropy(logits.segment(), targets.segment(), rows, logits.columns(), losses.segment(), gradient.segment(),
                1);
        context.giveBack(losses);
        double sum = Scalars.sumSquares(context, gradient);
        MemorySegment slope = gradient.segment();
        long vocab = logits.columns();
        for (long i = 0; i < rows && context.recording(); i++) {
            int target = targets.segment().getAtIndex(ValueLayout.JAVA_INT, i);
            if (target >= 0) {
                through(slope.asSlice(Float.BYTES * i * vocab, Float.BYTES * vocab), vocab, target);
            }
        }
        return Scalars.output(context, scale * sum, gradient);
    }

    private void through(MemorySegment g, long vocab, int target) {
        double mean = 0;
        for (long j = 0; j < vocab; j++) {
            double value = g.getAtIndex(F32, j);
            mean += (j == target ? value + 1 : value) * value;
        }
        for (long j = 0; j < vocab; j++) {
            double value = g.getAtIndex(F32, j);
            g.setAtIndex(F32, j, (float) (2 * scale * (j == target ? value + 1 : value) * (value - mean)));
        }
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        return new Tensor[]{Scalars.saved(context, Objects.requireNonNull(outputGradients[0])), null};
    }
}
