package org.setun.training.progressive;

import java.util.List;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.nn.BitLinear;
import org.setun.nn.Linear;
import org.setun.nn.Model;
import org.setun.quant.qat.LevelQuantizer;
import org.setun.training.config.TrainingConfig.Progressive;
import org.setun.training.config.TrainingConfig.ProgressiveKind;
import org.setun.training.config.TrainingConfig.ProgressiveShape;

/**
 * What training does to the quantizers of weights as it goes: how much of the quantized weight is used, how sharp a smooth estimator is, and which
 * random numbers are drawn. All of it is a function of the step alone, so a resumed run goes on with the same bits. One thread.
 */
public final class ProgressiveQuantization {

    private final Progressive settings;
    private final long seed;

    /** The schedule of a run. */
    public ProgressiveQuantization(Progressive settings, long seed) {
        this.settings = settings;
        this.seed = seed;
    }

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

    /** Sets the quantizers of {@code model} for the forward and backward passes of {@code step}, counted from 1. */
    public void prepare(Model model, long step) {
        apply(model, step, true);
    }

    /** Sets them for an evaluation after {@code step}: without noise and random choices of blocks. */
    public void prepareEvaluation(Model model, long step) {
        apply(model, step, false);
    }

    private void apply(Model model, long step, boolean training) {
        List<Linear> layers = model.linears();
        for (int i = 0; i < layers.size(); i++) {
            if (layers.get(i) instanceof BitLinear layer && layer.quantization().weights() instanceof LevelQuantizer quantizer) {
                FakeQuantRule rule = quantizer.rule();
                FakeQuantRule next = new FakeQuantRule(rule.levels(), sharpened(rule.estimator(), step),
                        (float) mix(step, i, layers.size()),
                        training ? (float) settings.noise() : 0, training ? (float) settings.fraction() : 1, settings.block(),
                        isRandom(rule.estimator()) ? seed(step, i) : 0);
                layer.quantizeWeightsBy(quantizer.withRule(next));
            }
        }
    }

    private boolean isRandom(Estimator estimator) {
        return settings.noise() > 0 || settings.fraction() < 1 || estimator instanceof Estimator.Gumbel;
    }

    private Estimator sharpened(Estimator estimator, long step) {
        double temperature = temperature(step);
        if (temperature == 0) {
            return estimator;
        }
        return switch (estimator) {
            case Estimator.Staircase e -> new Estimator.Staircase((float) temperature, e.hard());
            case Estimator.Gumbel e -> new Estimator.Gumbel((float) temperature, e.width(), e.hard());
            case Estimator.Dsq e -> new Estimator.Dsq((float) Math.min(temperature, 0.75), e.hard());
            default -> estimator;
        };
    }

    /** Differs for each step and layer. */
    private long seed(long step, int layer) {
        long z = seed + step * 0x9e3779b97f4a7c15L + layer * 0xbf58476d1ce4e5b9L;
        z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
        z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
        return z ^ z >>> 31;
    }
}
