package org.setun.training.callback;

import org.setun.training.schedule.Schedule;

/** Sets learning rate and weight decay of each step by a schedule. */
public final class LearningRateSchedule implements TrainingCallback {

    private final Schedule schedule;

    public LearningRateSchedule(Schedule schedule) {
        this.schedule = schedule;
    }

    @Override
    public void beforeStep(StepPlan plan, Control control) {
        plan.learningRate(schedule.learningRate(plan.step()));
        plan.weightDecayFactor(schedule.weightDecayFactor(plan.step()));
    }
}
