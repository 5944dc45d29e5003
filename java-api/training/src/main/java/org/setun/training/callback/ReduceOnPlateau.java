package org.setun.training.callback;

import java.util.Map;
import java.util.function.LongPredicate;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.TrainingEvent;

/**
 * Multiplies the learning rate by {@code schedule.plateau_factor} when {@code schedule.plateau_patience} evaluations in a row have not lowered the
 * held-out loss by more than {@code schedule.plateau_delta}, down to {@code schedule.min_learning_rate}. As with {@link EarlyStopping}, evaluations
 * before the quantization is complete do not count.
 */
public final class ReduceOnPlateau implements TrainingCallback {

    private final TrainingConfig.Schedule settings;
    private final LongPredicate counts;
    private double factor = 1;
    private double best = Double.POSITIVE_INFINITY;
    private int waited;

    /** Counts the evaluations after the steps for which {@code counts} holds. */
    public ReduceOnPlateau(TrainingConfig.Schedule settings, LongPredicate counts) {
        this.settings = settings;
        this.counts = counts;
    }

    @Override
    public void beforeStep(StepPlan plan, Control control) {
        double least = Math.min(settings.minLearningRate(), plan.learningRate()); // a warm-up begins below it
        plan.learningRate(Math.max(least, factor * plan.learningRate()));
    }

    @Override
    public void afterEvaluation(TrainingEvent.Evaluated evaluation, Control control) {
        if (!counts.test(evaluation.step())) {
            return;
        }
        if (evaluation.loss() < best - settings.plateauDelta()) {
            best = evaluation.loss();
            waited = 0;
        } else if (++waited >= settings.plateauPatience()) {
            factor *= settings.plateauFactor();
            waited = 0;
        }
    }

    @Override
    public String name() {
        return "plateau";
    }

    @Override
    public Map<String, Double> state() {
        return Map.of("factor", factor, "best", best, "waited", (double) waited);
    }

    @Override
    public void restore(Map<String, Double> state) {
        factor = state.getOrDefault("factor", 1.0);
        best = state.getOrDefault("best", Double.POSITIVE_INFINITY);
        waited = state.getOrDefault("waited", 0.0).intValue();
    }
}
