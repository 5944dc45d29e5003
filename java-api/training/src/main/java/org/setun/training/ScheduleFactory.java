package org.setun.training;

import org.setun.training.config.TrainingConfig;
import org.setun.training.schedule.Schedule;
import org.setun.training.schedule.Schedules;

/** The schedule that a configuration describes. */
final class ScheduleFactory {

    private ScheduleFactory() {
    }

    static Schedule of(TrainingConfig config) {
        TrainingConfig.Schedule s = config.schedule();
        long total = config.scheduleSteps();
        Schedule schedule = switch (s.kind()) {
            case CONSTANT, PLATEAU -> Schedules.constant(s.learningRate(), s.warmupSteps());
            case LINEAR -> Schedules.linear(s.learningRate(), s.minLearningRate(), s.warmupSteps(), total);
            case COSINE -> Schedules.cosine(s.learningRate(), s.minLearningRate(), s.warmupSteps(), total);
            case WSD -> Schedules.warmupStableDecay(s.decayShape(), s.learningRate(), s.minLearningRate(), s.decayShare(), s.warmupSteps(),
                    total);
            case TWO_STAGE -> Schedules.twoStage(Schedules.Shape.LINEAR, s.learningRate(), s.firstStageEnd(), s.secondStagePeak(),
                    s.minLearningRate(), s.warmupSteps(), total);
        };
        return s.weightDecaySteps() > 0 ? Schedules.decayUntil(s.weightDecaySteps(), schedule) : schedule;
    }
}
