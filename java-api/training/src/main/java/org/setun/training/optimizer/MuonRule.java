package org.setun.training.optimizer;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.nn.DType;
import org.setun.nn.Parameter;
import org.setun.nn.Tensor;
import org.setun.training.config.TrainingConfig;

/**
 * Muon (K. Jordan, 2024): the momentum of a matrix, with its singular values brought near 1 by five Newton-Schulz steps. The step is scaled by
 * {@code 0.2 sqrt(max(rows, columns))} (arXiv 2502.16982), which gives it the size of AdamW's, so that one learning rate serves both.
 */
final class MuonRule implements UpdateRule {

    private static final int STEPS = 5;
    private static final float A = 3.4445f;
    private static final float B = -4.7750f;
    private static final float C = 2.0315f;
    private static final double TINY = 1e-7;
    private static final double SIZE_OF_ADAM = 0.2;

    private final TrainingConfig.Optimizer settings;
    private final Allocator allocator;
    private final Norm norm;
    private @Nullable Tensor next;
    private @Nullable Tensor squares;

    MuonRule(TrainingConfig.Optimizer settings, Allocator allocator, Norm norm) {
        this.settings = settings;
        this.allocator = allocator;
        this.norm = norm;
    }

    @Override
    public List<State> state(Parameter parameter) {
        return List.of(State.like(parameter, "m"));
    }

    @Override
    public void update(Step step, Parameter parameter, List<Tensor> state) {
        Backend backend = step.backend();
        Tensor w = parameter.value();
        Tensor g = parameter.gradient();
        Tensor m = state.getFirst();
        long count = w.size();
        float factor = step.factor().get(ValueLayout.JAVA_FLOAT, 0);
        float momentum = (float) settings.momentum();
        backend.axpby(factor, g.segment(), momentum, m.segment(), count);
        backend.axpby(momentum, m.segment(), factor, g.segment(), count); // Nesterov: g + momentum m
        orthogonalize(backend, g);
        double size = SIZE_OF_ADAM * Math.sqrt(Math.max(w.rows(), w.columns()));
        backend.axpby((float) (-step.learningRate() * size), g.segment(), 1 - step.learningRate() * step.weightDecay(), w.segment(), count);
    }

    /** Five steps of {@code X <- a X + (b S + c S^2) X}, {@code S = X X^T} of the shorter side, on {@code x} in place. */
    void orthogonalize(Backend backend, Tensor x) {
        long rows = x.rows();
        long columns = x.columns();
        boolean wide = rows <= columns;
        long side = Math.min(rows, columns);
        MemorySegment square = scratch(side);
        MemorySegment polynomial = square.asSlice(side * side * Float.BYTES, side * side * Float.BYTES);
        MemorySegment other = other(x.size());
        backend.axpby(0, x.segment(), (float) (1 / (norm.of(x) + TINY)), x.segment(), x.size());
        MemorySegment from = x.segment();
        MemorySegment to = other;
        for (int i = 0; i < STEPS; i++) {
            backend.gemmF32(!wide, wide, side, side, wide ? columns : rows, 1, from, columns, from, columns, 0, square, side);
            backend.axpby(B, square, 0, polynomial, side * side);
            backend.gemmF32(false, false, side, side, side, C, square, side, square, side, 1, polynomial, side);
            backend.axpby(A, from, 0, to, x.size());
            if (wide) {
                backend.gemmF32(false, false, side, columns, side, 1, polynomial, side, from, columns, 1, to, columns);
            } else {
                backend.gemmF32(false, false, rows, side, side, 1, from, columns, polynomial, side, 1, to, columns);
            }
            MemorySegment swap = from;
            from = to;
            to = swap;
        }
        if (from.address() != x.segment().address()) {
            backend.axpby(1, from, 0, x.segment(), x.size());
        }
    }

    private MemorySegment other(long count) {
        if (next == null || next.size() < count) {
            next = Tensor.allocate(allocator, DType.F32, count);
        }
        return next.segment().asSlice(0, count * Float.BYTES);
    }

    /** Room for two squares. */
    private MemorySegment scratch(long side) {
        if (squares == null || squares.size() < 2 * side * side) {
            squares = Tensor.allocate(allocator, DType.F32, 2 * side * side);
        }
        return squares.segment();
    }
}
