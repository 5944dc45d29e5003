package org.setun.nn.function;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NnOps.Divergence;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/**
 * How far a student's distributions are from a teacher's (Hinton et al., arXiv 1503.02531):
 * {@code scale * sum over rows of weight * temperature^2 * D(softmax(teacher / temperature), softmax(student / temperature))}, in nats. The
 * factor {@code temperature^2} keeps the gradient's size: for forward KL it is {@code temperature * (q - p)} per row. Inputs: {@code student} and
 * {@code teacher} logits F32[n][vocab] and, if not all rows count alike, {@code weights} F32[n], of which 0 leaves a row out. Output: F64[1].
 * Teacher and weights count as constants.
 *
 * @param divergence  D
 * @param temperature of both distributions, in [2^-20, 2^20]
 * @param scale       factor of every row
 */
public record Distillation(Divergence divergence, float temperature, float scale) implements Function {

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor student = inputs[0].require("student", DType.F32, -1, -1);
        Tensor teacher = inputs[1].require("teacher", DType.F32, student.rows(), student.columns());
        Tensor weights = inputs.length < 3 ? null : inputs[2].require("weights", DType.F32, student.rows());
        Tensor losses = context.borrow(DType.F32, student.rows());
        Tensor gradient = context.recording() ? context.borrow(DType.F32, student.shape()) : null;
        context.backend().distill(divergence, temperature, student.segment(), teacher.segment(),
                weights == null ? null : weights.segment(), student.rows(), student.columns(), losses.segment(),
                gradient == null ? null : gradient.segment(), scale);
        double sum = Scalars.sum(context, losses);
        context.giveBack(losses);
        return Scalars.output(context, scale * sum, gradient);
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        @Nullable
        Tensor[] gradients = new Tensor[context.inputCount()];
        gradients[0] = Scalars.saved(context, Objects.requireNonNull(outputGradients[0]));
        return gradients;
    }
}
