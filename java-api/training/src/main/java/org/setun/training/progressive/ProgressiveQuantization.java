package org.setun.training.progressive;

import java.util.ArrayList;
import java.util.List;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.nn.BitLinear;
import org.setun.nn.Linear;
import org.setun.nn.Model;
import org.setun.quant.qat.LevelQuantizer;
import org.setun.training.config.TrainingConfig.Progressive;
import org.setun.training.config.TrainingConfig.ProgressiveKind;

/**
 * What training does to the quantizers of weights as it goes: how much of the quantized weight is used, how sharp a smooth estimator is, and which
 * random numbers are drawn. All of it is a function of the step alone, so a resumed run goes on with the same bits. What the settings leave alone
 * stays as the model's quantizers were made. One thread.
 */
public final class ProgressiveQuantization {

    /** A layer with levels, the quantizer it was made with, and its place among all linear layers. */
    private record Layer(BitLinear linear, LevelQuantizer base, int index) {
    }

    private final Progressive settings;
    private final ProgressiveSchedule schedule;
    private final long seed;
    private final int linears;
    private final List<Layer> layers = new ArrayList<>();

    /** The schedule of a run that trains {@code model}; {@code seed} is the run's. */
    public ProgressiveQuantization(Model model, Progressive settings, long seed) {
        this.settings = settings;
        this.seed = seed;
        schedule = new ProgressiveSchedule(settings);
        List<Linear> all = model.linears();
        linears = all.size();
        for (int i = 0; i < all.size(); i++) {
            if (all.get(i) instanceof BitLinear layer && layer.quantization().weights() instanceof LevelQuantizer quantizer) {
                layers.add(new Layer(layer, quantizer, i));
            }
        }
    }

    /** Sets the quantizers for the forward and backward passes of {@code step}, counted from 1. */
    public void prepare(long step) {
        for (Layer layer : layers) {
            FakeQuantRule rule = rule(layer.base().rule(), step, layer.index());
            layer.linear().quantizeWeightsBy(layer.base().withRule(rule.isRandom() ? rule.withSeed(seed(step, layer.index())) : rule));
        }
    }

    /** Gives the layers the quantizers back that the model was made with, after the last step. */
    public void restore() {
        layers.forEach(layer -> layer.linear().quantizeWeightsBy(layer.base()));
    }

    /** Whether all weights are quantized at {@code step} and later. */
    public boolean isComplete(long step) {
        return schedule.progress(step) == 1;
    }

    private FakeQuantRule rule(FakeQuantRule base, long step, int index) {
        boolean scheduled = settings.kind() == ProgressiveKind.MIX || settings.kind() == ProgressiveKind.LAYER_WISE;
        boolean shared = settings.fraction() < 1;
        return new FakeQuantRule(base.levels(), sharpened(base.estimator(), step),
                scheduled ? (float) schedule.mix(step, index, linears) : base.mix(),
                settings.noise() > 0 ? (float) settings.noise() : base.noise(),
                shared ? (float) settings.fraction() : base.fraction(),
                shared ? settings.block() : base.block(),
                base.seed());
    }

    private Estimator sharpened(Estimator estimator, long step) {
        double temperature = schedule.temperature(step);
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
