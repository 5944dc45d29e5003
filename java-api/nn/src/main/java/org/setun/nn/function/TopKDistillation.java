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
 * Forward KL from a teacher of whom only the k likeliest classes are known; all others are one class, with the mass that is left. With p the
 * teacher's and q the student's masses of these k + 1 classes, the student's at the temperature:
 * {@code scale * sum over rows of weight * temperature^2 * sum of p * log(p / q)}, in nats, never more than the KL of all classes. Inputs:
 * {@code logits} F32[n][vocab], {@code ids} I32[n][k], different ones in each row, {@code logs} F32[n][k] of their masses, {@code rest} F32[n]
 * and {@code weights} F32[n], of which 0 leaves a row out. Output: F64[1]. All but the logits count as constants.
 *
 * @param temperature of the student; the teacher's masses are of the same temperature
 * @param scale       factor of every row
 */
public record TopKDistillation(float temperature, float scale) implements Function {

    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor logits = inputs[0].require("logits", DType.F32, -1, -1);
        long rows = logits.rows();
        Tensor ids = inputs[1].require("ids", DType.I32, rows, -1);
        int[] firsts = new int[Math.toIntExact(rows)];
        for (int i = 0; i < firsts.length; i++) {
            firsts[i] = ids.segment().getAtIndex(ValueLayout.JAVA_INT, i * ids.columns());
        }
        inputs[2].require("logs", DType.F32, rows, ids.columns());
        inputs[3].require("rest", DType.F32, rows);
        inputs[4].require("weights", DType.F32, rows);
        Tensor scaled = context.borrow(DType.F32, logits.shape());
        context.backend().axpby(1 / temperature, logits.segment(), 0, scaled.segment(), logits.size());
        Tensor gradient = context.borrow(DType.F32, logits.shape());
        Tensor losses = context.borrow(DType.F32, rows);
        Tensor targets = Tensor.of(context.allocator(), firsts, rows);
        context.backend().crossEntropy(scaled.segment(), targets.segment(), rows, logits.columns(), losses.segment(), gradient.segment(),
                1);
        double sum = 0;
        for (long i = 0; i < rows; i++) {
            float weight = inputs[4].segment().getAtIndex(F32, i);
            Tensor slope = gradient.slice(i, i + 1);
            if (weight == 0) {
                slope.clear();
            } else {
                sum += weight * row(context, inputs, i, scaled, losses.segment().getAtIndex(F32, i), slope, weight * scale * temperature);
            }
        }
        context.giveBack(losses);
        context.giveBack(scaled);
        return Scalars.output(context, sum * temperature * temperature * scale, gradient);
    }

    /** The distance of a row; {@code slope} holds softmax - onehot of the row's first id and becomes {@code outer} times the gradient. */
    private static double row(FunctionContext context, Tensor[] inputs, long i, Tensor scaled, double loss, Tensor slope, float outer) {
        int k = Math.toIntExact(inputs[1].columns());
        MemorySegment ids = inputs[1].segment();
        MemorySegment logs = inputs[2].segment();
        MemorySegment gradient = slope.segment();
        long row = i * scaled.columns();
        double logSum = loss + scaled.segment().getAtIndex(F32, row + ids.getAtIndex(ValueLayout.JAVA_INT, i * k));
        double sum = 0;
        for (int j = 0; j < k; j++) {
            int id = ids.getAtIndex(ValueLayout.JAVA_INT, i * k + j);
            double logP = logs.getAtIndex(F32, i * k + j);
            double logQ = scaled.segment().getAtIndex(F32, row + id) - logSum;
            sum += logP == Double.NEGATIVE_INFINITY ? 0 : Math.exp(logP) * (logP - logQ);
            gradient.setAtIndex(F32, id, 0);
        }
        double left = inputs[3].segment().getAtIndex(F32, i);
        double studentLeft = Math.max(Scalars.sum(context, slope), Float.MIN_NORMAL); // summed, not 1 - ..., which would cancel
        sum += left == 0 ? 0 : left * Math.log(left / studentLeft);
        context.backend().axpby((float) (outer * (1 - left / studentLeft)), gradient, 0, gradient, slope.size());
        for (int j = 0; j < k; j++) {
            int id = ids.getAtIndex(ValueLayout.JAVA_INT, i * k + j);
            double q = Math.exp(scaled.segment().getAtIndex(F32, row + id) - logSum);
            gradient.setAtIndex(F32, id, (float) (outer * (q - Math.exp(logs.getAtIndex(F32, i * k + j)))));
        }
        return sum;
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        return new Tensor[]{Scalars.saved(context, Objects.requireNonNull(outputGradients[0])), null, null, null, null};
    }
}
