package org.setun.training.search;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One setting of the keys, and what came of it.
 *
 * @param number counts from 0
 * @param point  its coordinates
 * @param values what the keys are set to
 * @param scores by rising numbers of steps; the last one counts
 */
public record Trial(int number, List<Double> point, Map<String, String> values, List<Score> scores) {

    /**
     * How well a trial did.
     *
     * @param steps   it was trained for, in all
     * @param value   lower is better; null if it failed
     * @param failure why, empty otherwise
     * @param seconds that this part took
     */
    public record Score(long steps, @Nullable Double value, String failure, double seconds) {
    }

    /** The value after the most steps; infinite if it failed. */
    public double value() {
        Double last = scores.isEmpty() ? null : scores.getLast().value();
        return last == null ? Double.POSITIVE_INFINITY : last;
    }

    /** The score after exactly {@code steps}. */
    public Optional<Score> at(long steps) {
        return scores.stream().filter(score -> score.steps() == steps).findFirst();
    }

    /** The most steps that it was trained for. */
    public long steps() {
        return scores.isEmpty() ? 0 : scores.getLast().steps();
    }
}
