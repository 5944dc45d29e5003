package org.setun.training.callback;

import org.setun.training.config.TrainingConfig;
import org.setun.training.event.TrainingEvent;

/** Asks for a checkpoint every so many steps and at the end, or after each evaluation that was the best. */
public final class PeriodicCheckpoints implements TrainingCallback {

    private final TrainingConfig.Checkpoint settings;
    private final long last;

    /** {@code last} is the step with which the run ends. */
    public PeriodicCheckpoints(TrainingConfig.Checkpoint settings, long last) {
        this.settings = settings;
        this.last = last;
    }

    @Override
    public void afterStep(StepResult result, Control control) {
        boolean due = settings.saveEvery() > 0 && result.step() % settings.saveEvery() == 0 || result.step() == last;
        if (due && !settings.saveBestOnly()) {
            control.save();
        }
    }

    @Override
    public void afterEvaluation(TrainingEvent.Evaluated evaluation, Control control) {
        if (settings.saveBestOnly() && evaluation.best()) {
            control.save();
        }
    }
}
