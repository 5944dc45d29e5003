package org.setun.training;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;
import org.setun.training.TrainingResult.Point;
import org.setun.training.checkpoint.TrainingState;

/** The numbers of a run, as far as they outlast it. */
final class RunState {

    final String run;
    private final boolean higherIsBetter;
    private final LongPredicate counts;
    long step;
    long samples;
    long skipped;
    double lastLoss = Double.NaN;
    /** Before this process. */
    double seconds;
    final List<Double> losses = new ArrayList<>();
    final List<Point> evaluations = new ArrayList<>();
    @Nullable
    Point best;

    /** {@code counts} tells which steps are followed by evaluations that can be the best: those of the model that is trained for. */
    RunState(String run, boolean higherIsBetter, LongPredicate counts) {
        this.run = run;
        this.higherIsBetter = higherIsBetter;
        this.counts = counts;
    }

    /** The state for a checkpoint. */
    TrainingState toCheckpoint(long updates, int microBatch, double secondsNow, Map<String, Map<String, Double>> memory,
            Map<String, Map<String, Object>> config) {
        List<TrainingState.Evaluation> points = evaluations.stream()
                .map(p -> new TrainingState.Evaluation(p.step(), p.loss(), p.value())).toList();
        return new TrainingState(run, step, updates, samples, skipped, microBatch, seconds + secondsNow, lastLoss, points, memory, config);
    }

    /** Takes over the state of a checkpoint with which this process begins. */
    void resume(TrainingState state) {
        samples = state.samples();
        skipped = state.skipped();
        seconds = state.seconds();
        take(state);
    }

    /** Takes over the state of a checkpoint to go back to it; data, time and what was skipped go on. */
    void goBack(TrainingState state) {
        long steps = step - state.step();
        losses.subList((int) Math.max(0, losses.size() - steps), losses.size()).clear();
        take(state);
    }

    private void take(TrainingState state) {
        step = state.step();
        lastLoss = state.loss();
        evaluations.clear();
        best = null;
        state.evaluations().forEach(e -> evaluated(new Point(e.step(), e.loss(), e.value())));
    }

    /** Adds an evaluation; returns whether it counts, its value is a number and no other was as good. */
    boolean evaluated(Point point) {
        evaluations.add(point);
        Point before = best;
        boolean better = counts.test(point.step()) && !Double.isNaN(point.value()) && (before == null
                || (higherIsBetter ? point.value() > before.value() : point.value() < before.value()));
        if (better) {
            best = point;
        }
        return better;
    }
}
