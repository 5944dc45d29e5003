package org.setun.training.progressive;

import java.util.Map;
import java.util.function.DoubleSupplier;
import org.setun.training.config.TrainingConfig.Progressive;
import org.setun.training.config.TrainingConfig.ProgressiveCompletion;

/** Whether a stage of progressive quantization is over before its time: {@code progressive.completion}. */
final class StageCriterion {

    private final Progressive settings;
    private final boolean higherIsBetter;
    private final DoubleSupplier error;
    private double before = Double.NaN;
    private double sum;
    private long steps;

    /** {@code error} gives the relative error of the quantized weights, if it is asked for. */
    StageCriterion(Progressive settings, boolean higherIsBetter, DoubleSupplier error) {
        this.settings = settings;
        this.higherIsBetter = higherIsBetter;
        this.error = error;
    }

    /** Takes a step that changed something into account. */
    boolean isMetAfterStep(double loss) {
        sum += loss;
        steps++;
        if (steps < settings.patience()) {
            return false;
        }
        double mean = sum / steps;
        boolean met = switch (settings.completion()) {
            case LOSS -> mean > before * (1 - settings.threshold()); // false while there is nothing to compare with
            case ERROR -> error.getAsDouble() <= settings.threshold();
            case STEPS, ACCURACY -> false;
        };
        before = met ? Double.NaN : mean; // the next stage begins with a loss of its own
        sum = 0;
        steps = 0;
        return met;
    }

    /** Takes an evaluation into account. */
    boolean isMetAfterEvaluation(double value) {
        return settings.completion() == ProgressiveCompletion.ACCURACY
                && (higherIsBetter ? value >= settings.threshold() : value <= settings.threshold());
    }

    Map<String, Double> state() {
        return Map.of("before", before, "sum", sum, "steps", (double) steps);
    }

    void restore(Map<String, Double> state) {
        before = state.getOrDefault("before", Double.NaN);
        sum = state.getOrDefault("sum", 0.0);
        steps = state.getOrDefault("steps", 0.0).longValue();
    }
}
