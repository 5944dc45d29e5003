package org.setun.nn.function;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/**
 * Softmax and cross entropy: {@code scale * sum over rows of (logsumexp(logits) - sum of q * logits)}, in nats. The target distribution q gives
 * {@code 1 - labelSmoothing} to the target and the rest to all classes alike (Szegedy et al., arXiv 1512.00567). Inputs: {@code logits}
 * F32[n][vocab], {@code targets} I32[n] in [0, vocab), or -1 for rows that do not count. Output: F64[1].
 *
 * <p>With {@code scale = 1 / (all counted rows of the step)} the losses and gradients of micro-batches add up to those of the whole batch,
 * whatever the sizes of the micro-batches.
 *
 * @param scale          factor of every row
 * @param labelSmoothing share of the target distribution that all classes have, in [0, 1]
 */
public record CrossEntropy(float scale, float labelSmoothing) implements Function {

    /** Without smoothing. */
    public CrossEntropy(float scale) {
        this(scale, 0);
    }

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor logits = inputs[0].require("logits", DType.F32, -1, -1);
        Tensor targets = inputs[1].require("targets", DType.I32, logits.rows());
        long rows = logits.rows();
        Tensor losses = context.borrow(DType.F32, rows);
        Tensor gradient = context.recording() ? context.borrow(DType.F32, logits.shape()) : null;
        context.backend().crossEntropy(logits.segment(), targets.segment(), rows, logits.columns(), losses.segment(),
                gradient == null ? null : gradient.segment(), scale, labelSmoothing);
        context.backend().axpby(scale, losses.segment(), 0, losses.segment(), rows);
        Tensor loss = context.allocate(DType.F64, 1);
        context.backend().sum(losses.segment(), rows, loss.segment());
        context.giveBack(losses);
        if (gradient != null) {
            context.save(gradient);
        }
        return new Tensor[]{loss};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        return new Tensor[]{Scalars.saved(context, Objects.requireNonNull(outputGradients[0])), null};
    }
}
