package org.setun.training.progressive;

import org.setun.kernels.QuantLevels;
import org.setun.training.config.TrainingConfig.Progressive;
import org.setun.training.config.TrainingConfig.ProgressiveKind;
import org.setun.training.config.TrainingConfig.ProgressiveShape;

/**
 * How far quantization has come at a step: how much of the quantized weight is used, in which layers and channels, with how many levels, and how sharp a
 * smooth estimator is.
 *
 * @param settings kind, first and last step, shape, temperatures, bits
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

    /** The share of the quantized weight at {@code step} in part {@code index} of {@code parts}: a layer, or with {@code block_wise} a block of them. */
    public double mix(long step, int index, int parts) {
        double progress = progress(step);
        return switch (settings.kind()) {
            case NONE, SOFT_TO_HARD, CHANNEL_WISE, BIT_WIDTH -> 1;
            case MIX -> progress;
            case LAYER_WISE, BLOCK_WISE -> progress * parts >= index + 1 ? 1 : 0;
        };
    }

    /** The share of the rows of each weight that are quantized at {@code step}. */
    public double channels(long step) {
        return settings.kind() == ProgressiveKind.CHANNEL_WISE ? progress(step) : 1;
    }

    /** The levels at {@code step} on the way to {@code last}: of the same kind, with a bit less at a time. */
    public QuantLevels levels(long step, QuantLevels last) {
        int end = Integer.SIZE - Integer.numberOfLeadingZeros(last.count() - 1);
        int bits = (int) Math.round(settings.startBits() + (end - settings.startBits()) * progress(step));
        if (settings.kind() != ProgressiveKind.BIT_WIDTH || bits <= end) {
            return last;
        }
        if (last.shift() == 0.5f && last.divisions() == 1) {
            return QuantLevels.midRise(bits);
        }
        boolean balanced = last.lowest() == -last.highest() || last.count() == 2;
        return balanced ? QuantLevels.symmetric(bits) : QuantLevels.signed(bits);
    }

    /** The temperature of smooth estimators at {@code step}, falling geometrically; 0 if the schedule does not set it. */
    public double temperature(long step) {
        return settings.kind() == ProgressiveKind.SOFT_TO_HARD
                ? settings.startTemperature() * Math.pow(settings.endTemperature() / settings.startTemperature(), progress(step))
                : 0;
    }

    /** The first step of the stage that follows the one of {@code step}; {@code step} itself once all is quantized. */
    public long nextStage(long step) {
        if (settings.kind() == ProgressiveKind.NONE || step >= settings.endStep()) {
            return step;
        }
        for (int stage = 1; stage < settings.stages(); stage++) {
            long begins = settings.startStep()
                    + Math.round((double) (settings.endStep() - settings.startStep()) * stage / settings.stages());
            if (begins > step) {
                return begins;
            }
        }
        return settings.endStep();
    }
}
