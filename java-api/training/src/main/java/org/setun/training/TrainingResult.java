package org.setun.training;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What came of a run.
 *
 * @param run            its name
 * @param steps          steps done, those before a resume and skipped ones included
 * @param losses         mean loss in nats of each step of this process, NaN for skipped steps
 * @param evaluations    all evaluations, in order, those before a resume included
 * @param best           the best of them, null if there was none
 * @param seconds        time in the loop
 * @param unitsPerSecond tokens or samples per second of training steps, optimizer included, evaluation and saving excluded
 * @param skipped        steps without an update because something was not finite
 * @param stopReason     why the loop ended
 * @param checkpoint     the last checkpoint, null if none is kept
 */
public record TrainingResult(String run, long steps, double[] losses, List<Point> evaluations, @Nullable Point best, double seconds,
        double unitsPerSecond, long skipped, String stopReason, @Nullable Path checkpoint) {

    /** One evaluation. */
    public record Point(long step, double loss, double value) {
    }

    /** The last evaluation's value of the metric; NaN if there was none. */
    public double finalValue() {
        return evaluations.isEmpty() ? Double.NaN : evaluations.getLast().value();
    }

    /**
     * How much of the twin's quality this run keeps: the ratio of the final values, 1 if they are equal, above 1 if this run is better.
     *
     * @param higherIsBetter whether the metric is one like accuracy, or one like bits per byte
     */
    public double accuracyRetention(TrainingResult twin, boolean higherIsBetter) {
        return higherIsBetter ? finalValue() / twin.finalValue() : twin.finalValue() / finalValue();
    }
}
