package org.setun.training.loss;

import java.util.List;
import java.util.function.Consumer;
import org.setun.nn.BitLinear;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.Linear;
import org.setun.nn.Model;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.training.config.TrainingConfig;
import org.setun.training.loss.LossTerms.Settings;

/**
 * The penalties of a model's weights as {@code [loss]} sets them: each is its weight times the mean over all weights that it concerns, the
 * quantized ones or, for sparsity, those of all linear layers. Models without such weights have no such penalty. One thread.
 */
public final class WeightPenalties {

    private final TrainingConfig.Loss settings;
    private final List<Linear> layers;
    private final List<BitLinear> quantized;
    private final long steps;

    /**
     * Penalties of a model.
     *
     * @param steps over which dampening grows, if it is annealed
     */
    public WeightPenalties(TrainingConfig.Loss settings, Model model, long steps) {
        this.settings = settings;
        this.steps = steps;
        layers = model.linears();
        quantized = layers.stream().filter(layer -> layer.quantization().weights() != null).map(BitLinear.class::cast).toList();
    }

    /** Gives the penalties of step {@code step}, counted from 1, to {@code each}, a layer's at a time. */
    public void run(Tape tape, long step, Consumer<LossTerm> each) {
        double all = layers.stream().mapToDouble(layer -> layer.weight().value().size()).sum();
        double rounded = quantized.stream().mapToDouble(layer -> layer.weight().value().size()).sum();
        for (BitLinear layer : quantized) {
            error("quantization", settings.quantization(), rounded, tape, layer, each);
            simple("bit_width", Settings.of((float) (settings.bitWidth() / rounded)), tape, layer, each);
            error("dampening", dampening(step - 1), rounded, tape, layer, each);
            double share = layer.weight().value().size() / rounded;
            simple("uncertainty", Settings.of((float) (settings.uncertainty() * share)), tape, layer, each);
        }
        for (Linear layer : layers) {
            if (settings.sparsity() > 0) {
                Function function = LossTerms.create("sparsity", Settings.of((float) (settings.sparsity() / all)));
                each.accept(new LossTerm("sparsity", tape.apply(function, layer.weight().value())));
            }
        }
    }

    /** Grows with the steps that are done along half a cosine, so that weights settle late. */
    private double dampening(long done) {
        double progress = Math.min(1, done / (double) steps);
        return settings.annealDampening() ? settings.dampening() * (1 - Math.cos(Math.PI * progress)) / 2 : settings.dampening();
    }

    private static void simple(String name, Settings scaled, Tape tape, BitLinear layer, Consumer<LossTerm> each) {
        if (scaled.scale() > 0) {
            Function function = LossTerms.create(name, scaled.quantized(tape.backend(), layer));
            each.accept(new LossTerm(name, tape.apply(function, layer.weight().value())));
        }
    }

    /** A penalty of the difference between a weight and what it is rounded to. */
    private static void error(String name, double weight, double weights, Tape tape, BitLinear layer, Consumer<LossTerm> each) {
        if (weight > 0) {
            Tensor w = layer.weight().value();
            Tensor levels = Tensor.allocate(tape.workspace(), DType.F32, w.shape());
            layer.quantizedWeight(tape.backend()).expand(tape.backend(), levels);
            Function function = LossTerms.create(name, Settings.of((float) (weight / weights)).quantized(tape.backend(), layer));
            each.accept(new LossTerm(name, tape.apply(function, w, levels)));
        }
    }
}
