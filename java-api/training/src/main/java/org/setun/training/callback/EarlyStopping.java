package org.setun.training.callback;

import java.util.Map;
import java.util.function.LongPredicate;
import org.setun.training.event.TrainingEvent;

/**
 * Stops after {@code patience} evaluations in a row that did not lower the loss by more than {@code minDelta}. Evaluations while weights are still on
 * their way to being quantized do not count: the loss rises there, as it must.
 */
public final class EarlyStopping implements TrainingCallback {

    private final int patience;
    private final double minDelta;
    private final LongPredicate counts;
    private double best = Double.POSITIVE_INFINITY;
    private int waited;

    /** Counts every evaluation. */
    public EarlyStopping(int patience, double minDelta) {
        this(patience, minDelta, step -> true);
    }

    /** Counts the evaluations after the steps for which {@code counts} holds. */
    public EarlyStopping(int patience, double minDelta, LongPredicate counts) {
        if (patience < 1 || !(minDelta >= 0)) {
            throw new IllegalArgumentException("patience: " + patience + ", minDelta: " + minDelta + ", must be at least 1 and 0");
        }
        this.patience = patience;
        this.minDelta = minDelta;
        this.counts = counts;
    }

    @Override
    public void afterEvaluation(TrainingEvent.Evaluated evaluation, Control control) {
        remember(evaluation.step(), evaluation.loss());
        if (waited >= patience) {
            control.stop("no better evaluation in " + patience + ": the best loss is " + best);
        }
    }

    /** Takes an evaluation into account without stopping: those of a checkpoint that does not hold this callback's state. */
    public void remember(long step, double loss) {
        if (!counts.test(step)) {
            return;
        }
        if (loss < best - minDelta) {
            best = loss;
            waited = 0;
        } else {
            waited++;
        }
    }

    @Override
    public String name() {
        return "early_stopping";
    }

    @Override
    public Map<String, Double> state() {
        return Map.of("best", best, "waited", (double) waited);
    }

    @Override
    public void restore(Map<String, Double> state) {
        best = state.getOrDefault("best", Double.POSITIVE_INFINITY);
        waited = state.getOrDefault("waited", 0.0).intValue();
    }
}
