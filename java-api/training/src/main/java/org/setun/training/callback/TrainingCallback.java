package org.setun.training.callback;

import java.util.Map;
import org.setun.training.event.TrainingEvent;
import org.setun.training.event.TrainingListener;

/**
 * A part of the loop: called before and after each step, epoch, evaluation and save, on the loop's thread, in the order in which callbacks were added.
 * It may change the plan of a step and ask the loop to stop, to save or to go back ({@link TrainingListener.Control}); an exception ends the run. What
 * it must remember beyond a resume it gives as {@link #state}, under its {@link #name}; checkpoints hold it.
 *
 * <p>Each method does nothing unless overridden; one that overrides {@link #on} sees every event instead of the {@code after} methods.
 */
public interface TrainingCallback extends TrainingListener {

    /**
     * How a step came out.
     *
     * @param step    counted from 1
     * @param loss    may not be finite
     * @param updated false if loss or gradient were not finite, so that nothing was changed
     */
    record StepResult(long step, double loss, double gradientNorm, boolean updated) {
    }

    /** A step is about to run; {@code plan} may be changed. */
    default void beforeStep(StepPlan plan, Control control) {
    }

    /** A step has run, whether or not it changed anything. */
    default void afterStep(StepResult result, Control control) {
    }

    /** The data is about to be gone through once more; {@code epoch} counts from 0. Only for tasks whose data has an end. */
    default void beforeEpoch(long epoch, Control control) {
    }

    /** The data has been gone through once. */
    default void afterEpoch(TrainingEvent.Epoch epoch, Control control) {
    }

    /** The model is about to be evaluated after {@code step}. */
    default void beforeEvaluation(long step, Control control) {
    }

    /** It was evaluated. */
    default void afterEvaluation(TrainingEvent.Evaluated evaluation, Control control) {
    }

    /** The state after {@code step} is about to be saved. */
    default void beforeSave(long step, Control control) {
    }

    /** A checkpoint is on disk, perhaps some steps later. */
    default void afterSave(TrainingEvent.Saved save, Control control) {
    }

    /** The key of {@link #state} in checkpoints, always the same; empty if there is none. A run refuses two callbacks of one name. */
    default String name() {
        return "";
    }

    /** What to remember beyond a resume. */
    default Map<String, Double> state() {
        return Map.of();
    }

    /** Takes back what {@link #state} gave: when a run is resumed, and when it goes back to a checkpoint. Only if the checkpoint has it. */
    default void restore(Map<String, Double> state) {
    }

    /** Calls the {@code after} method of the event. */
    @Override
    default void on(TrainingEvent event, Control control) {
        switch (event) {
            case TrainingEvent.Step e -> afterStep(new StepResult(e.step(), e.loss(), e.gradientNorm(), true), control);
            case TrainingEvent.Skipped e -> afterStep(new StepResult(e.step(), e.loss(), e.gradientNorm(), false), control);
            case TrainingEvent.Epoch e -> afterEpoch(e, control);
            case TrainingEvent.Evaluated e -> afterEvaluation(e, control);
            case TrainingEvent.Saved e -> afterSave(e, control);
            default -> {
                // nothing to do before the next step
            }
        }
    }
}
