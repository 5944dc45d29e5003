package org.setun.nn.function;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.NnOps.Divergence;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/**
 * How differently two models relate the positions of a sequence to each other (MiniLM, arXiv 2012.15828; BitDistill, arXiv 2510.13998). The rows of
 * queries, keys or values are brought to length 1 and cut into {@code heads} parts of width d; per sequence and part, with A F32[t][d],
 * {@code R = softmax(A * A^T / sqrt(d))} by rows, and the loss is {@code scale * sum over all rows of KL(R_teacher || R_student)}, in nats.
 * Inputs: {@code student} F32[batch*t][w], {@code teacher} F32[batch*t][v]; the widths may differ. Output: F64[1]. The teacher counts as a constant.
 *
 * @param batch sequences
 * @param t     positions of each
 * @param heads parts; divides both widths
 * @param scale factor of every row
 */
public record RelationDistillation(long batch, long t, long heads, float scale) implements Function {

    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;
    /** Shorter rows are divided by this. */
    private static final float SHORTEST = 1e-12f;

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor student = inputs[0].require("student", DType.F32, batch * t, -1);
        Tensor teacher = inputs[1].require("teacher", DType.F32, batch * t, -1);
        for (Tensor input : inputs) {
            if (heads < 1 || input.columns() % heads != 0) {
                throw new IllegalArgumentException("heads = " + heads + " must divide the width of " + input);
            }
        }
        Tensor units = context.borrow(DType.F32, student.shape());
        Tensor teacherUnits = context.borrow(DType.F32, teacher.shape());
        normalize(student, units);
        normalize(teacher, teacherUnits);
        Tensor gradient = context.recording() ? context.borrow(DType.F32, student.shape()) : null;
        double sum = relations(context, units, teacherUnits, gradient);
        if (gradient != null) {
            throughLength(student, units, gradient);
        }
        context.giveBack(teacherUnits);
        context.giveBack(units);
        return Scalars.output(context, scale * sum, gradient);
    }

    /** The sum of the distances and, if wanted, the gradient of the rows of length 1. */
    private double relations(FunctionContext context, Tensor student, Tensor teacher, @Nullable Tensor gradient) {
        Backend backend = context.backend();
        Tensor studentScores = context.borrow(DType.F32, t, t);
        Tensor teacherScores = context.borrow(DType.F32, t, t);
        Tensor slope = context.borrow(DType.F32, t, t);
        Tensor losses = context.borrow(DType.F32, t);
        double sum = 0;
        for (long b = 0; b < batch; b++) {
            for (long h = 0; h < heads; h++) {
                scores(backend, student, b, h, studentScores);
                scores(backend, teacher, b, h, teacherScores);
                backend.distill(Divergence.FORWARD, 1, studentScores.segment(), teacherScores.segment(), null, t, t, losses.segment(),
                        gradient == null ? null : slope.segment(), scale);
                sum += Scalars.sum(context, losses);
                if (gradient != null) {
                    long w = student.columns();
                    long d = w / heads;
                    MemorySegment rows = part(student, b, h);
                    MemorySegment to = part(gradient, b, h);
                    backend.gemmF32(false, false, t, d, t, factor(d), slope.segment(), t, rows, w, 0, to, w);
                    backend.gemmF32(true, false, t, d, t, factor(d), slope.segment(), t, rows, w, 1, to, w);
                }
            }
        }
        context.giveBack(losses);
        context.giveBack(slope);
        context.giveBack(teacherScores);
        context.giveBack(studentScores);
        return sum;
    }

    private void scores(Backend backend, Tensor units, long b, long h, Tensor to) {
        long w = units.columns();
        long d = w / heads;
        MemorySegment rows = part(units, b, h);
        backend.gemmF32(false, true, t, t, d, factor(d), rows, w, rows, w, 0, to.segment(), t);
    }

    private static float factor(long d) {
        return (float) (1 / Math.sqrt(d));
    }

    /** The rows of a sequence from its part {@code h} on, to be read with the distance of whole rows. */
    private MemorySegment part(Tensor all, long b, long h) {
        long w = all.columns();
        return all.segment().asSlice(Float.BYTES * (b * t * w + h * (w / heads)), Float.BYTES * ((t - 1) * w + w / heads));
    }

    private static void normalize(Tensor x, Tensor to) {
        MemorySegment from = x.segment();
        MemorySegment out = to.segment();
        long w = x.columns();
        for (long first = 0; first < x.size(); first += w) {
            float length = length(from, first, w);
            for (long i = first; i < first + w; i++) {
                out.setAtIndex(F32, i, from.getAtIndex(F32, i) / length);
            }
        }
    }

    private static float length(MemorySegment x, long first, long w) {
        double squares = 0;
        for (long i = first; i < first + w; i++) {
            double value = x.getAtIndex(F32, i);
            squares += value * value;
        }
        return Math.max((float) Math.sqrt(squares), SHORTEST);
    }

    /** Turns the gradient of {@code u = x / |x|} into that of x: {@code (g - u (u . g)) / |x|}. */
    private static void throughLength(Tensor x, Tensor units, Tensor gradient) {
        MemorySegment u = units.segment();
        MemorySegment g = gradient.segment();
        long w = x.columns();
        for (long first = 0; first < x.size(); first += w) {
            double dot = 0;
            for (long i = first; i < first + w; i++) {
                dot += (double) u.getAtIndex(F32, i) * g.getAtIndex(F32, i);
            }
            float length = length(x.segment(), first, w);
            for (long i = first; i < first + w; i++) {
                g.setAtIndex(F32, i, (float) ((g.getAtIndex(F32, i) - dot * u.getAtIndex(F32, i)) / length));
            }
        }
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        return new Tensor[]{Scalars.saved(context, Objects.requireNonNull(outputGradients[0])), null};
    }
}
