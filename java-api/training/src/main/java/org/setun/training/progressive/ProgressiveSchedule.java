package org.setun.training.progressive;

import org.setun.training.config.TrainingConfig.Progressive;
import org.setun.training.config.TrainingConfig.ProgressiveKind;
import org.setun.training.config.TrainingConfig.ProgressiveShape;

/**
 * How far quantization has come at a step: how much of the quantized weight is used and how sharp a smooth estimator is.
 *
 * @param settings kind, first and last step, shape, temperatures
 */
public record ProgressiveSchedule(Progressive settings) {

    /** How far the schedule is at {@code step}: 0 up to the start, 1 from the end on, in between along the shape. */
    public double progress(long step) {
        if (settings.kind() == ProgressiveKind.NONE || step >= settings.endStep()) {
            return 1;
        }
        if (step <= settings.startStep()) {
            return 0;
        }
        double share = (double) (step - settings.startStep()) / (settings.endStep() - settings.startStep());
        return settings.shape() == ProgressiveShape.LINEAR ? share : 0.5 * (1 - Math.cos(Math.PI * share));
    }

    /** The share of the quantized weight at {@code step} in layer {@code index} of {@code layers}. */
    public double mix(long step, int index, int layers) {
        double progress = progress(step);
        return switch (settings.kind()) {
            case NONE, SOFT_TO_HARD -> 1;
            case MIX -> progress;
            case LAYER_WISE -> progress * layers >= index + 1 ? 1 : 0;
        };
    }

    /** The temperature of smooth estimators at {@code step}, falling geometrically; 0 if the schedule does not set it. */
    public double temperature(long step) {
        return settings.kind() == ProgressiveKind.SOFT_TO_HARD
                ? settings.startTemperature() * Math.pow(settings.endTemperature() / settings.startTemperature(), progress(step))
                : 0;
    }
}
