package org.setun.training.progressive;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.BitLinear;
import org.setun.nn.Linear;
import org.setun.nn.Model;
import org.setun.nn.Parameter;
import org.setun.quant.qat.LearnedFakeQuantizer;
import org.setun.quant.qat.LevelQuantizer;
import org.setun.training.callback.StepPlan;
import org.setun.training.callback.TrainingCallback;
import org.setun.training.config.TrainingConfig.Progressive;
import org.setun.training.config.TrainingConfig.ProgressiveKind;
import org.setun.training.event.TrainingEvent;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/**
 * What training does to the quantizers of weights as it goes: how much of the quantized weight is used, how many levels it has, how sharp a smooth
 * estimator is, and which random numbers are drawn. All of it is a function of the step and of how many steps were saved by stages that were over
 * before their time, which checkpoints hold; so a resumed run goes on with the same bits. What the settings leave alone stays as the model's quantizers
 * were made. One thread.
 */
public final class ProgressiveQuantization implements TrainingCallback {

    private static final Pattern BLOCK = Pattern.compile("(blk\\.\\d+)\\..*");
    private static final int ROW_UNIT = 16;

    /** A layer with levels, the quantizer it was made with, its place among all linear layers, and that of its block among all blocks. */
    private record Layer(BitLinear linear, LevelQuantizer base, int index, int block) {
    }

    private final Progressive settings;
    private final ProgressiveSchedule schedule;
    private final StageCriterion criterion;
    private final long seed;
    private final int linears;
    private final int blocks;
    private final List<Layer> layers = new ArrayList<>();
    private long ahead;
    private long aheadBefore;
    private long prepared;

    /** The schedule of a run that trains {@code model}, by steps alone; {@code seed} is the run's. */
    public ProgressiveQuantization(Model model, Progressive settings, long seed) {
        this(model, settings, seed, false, () -> Double.NaN);
    }

    /**
     * The schedule of a run.
     *
     * @param higherIsBetter which way the metric of the evaluations points
     * @param error          gives the relative error of the quantized weights
     */
    public ProgressiveQuantization(Model model, Progressive settings, long seed, boolean higherIsBetter, DoubleSupplier error) {
        this.settings = settings;
        this.seed = seed;
        schedule = new ProgressiveSchedule(settings);
        criterion = new StageCriterion(settings, higherIsBetter, error);
        List<Linear> all = model.linears();
        linears = all.size();
        Map<String, Integer> places = new LinkedHashMap<>();
        for (int i = 0; i < all.size(); i++) {
            String name = all.get(i).weight().name();
            Matcher block = BLOCK.matcher(name);
            int place = places.computeIfAbsent(block.matches() ? block.group(1) : name, key -> places.size());
            if (all.get(i) instanceof BitLinear layer && layer.quantization().weights() instanceof LevelQuantizer quantizer) {
                requireWholeRows(layer);
                layers.add(new Layer(layer, quantizer, i, place));
            }
        }
        blocks = places.size();
    }

    private void requireWholeRows(BitLinear layer) {
        if (settings.kind() == ProgressiveKind.CHANNEL_WISE && layer.weight().shape().columns() % ROW_UNIT != 0) {
            throw new IllegalArgumentException("progressive.kind = channel_wise: rows of " + layer.weight().name() + " have "
                    + layer.weight().shape().columns() + " weights, must be a multiple of " + ROW_UNIT);
        }
    }

    /** Whether all weights are quantized at {@code step} and later. */
    public boolean isComplete(long step) {
        return schedule.progress(step + ahead) == 1;
    }

    /** Whether a model that is rounded after {@code step} has the bits that it is trained for: always, but on the way of {@code bit_width}. */
    public boolean hasLastBits(long step) {
        return settings.kind() != ProgressiveKind.BIT_WIDTH || isComplete(step);
    }

    @Override
    public void beforeStep(StepPlan plan, Control control) {
        prepare(plan.step());
    }

    /** Sets the quantizers for the forward and backward passes of {@code step}, counted from 1; once for each step, in order. */
    public void prepare(long step) {
        long now = step + ahead;
        for (Layer layer : layers) {
            FakeQuantRule base = layer.base().rule();
            FakeQuantRule rule = rule(layer, now);
            rescale(layer, step == 1 ? base.levels() : schedule.levels(step - 1 + aheadBefore, base.levels()), rule.levels());
            boolean drawsAnew = rule.isRandom() && settings.kind() != ProgressiveKind.CHANNEL_WISE;
            layer.linear().quantizeWeightsBy(layer.base().withRule(drawsAnew ? rule.withSeed(seed(step, layer.index())) : rule));
        }
        aheadBefore = ahead;
        prepared = step;
    }

    /** Gives the layers the quantizers back that the model was made with, after the last step. */
    public void restore() {
        for (Layer layer : layers) {
            QuantLevels last = layer.base().rule().levels();
            if (prepared > 0) {
                rescale(layer, schedule.levels(prepared + aheadBefore, last), last);
            }
            layer.linear().quantizeWeightsBy(layer.base());
        }
        prepared = 0;
    }

    /** Learned scales of fewer levels are larger: the outermost level stays where it was. */
    private static void rescale(Layer layer, QuantLevels before, QuantLevels now) {
        Parameter scale = layer.linear().scale();
        if (before.equals(now) || scale == null || !(layer.base() instanceof LearnedFakeQuantizer quantizer)) {
            return;
        }
        float change = (float) StrictMath.log(before.level(before.highest()) / now.level(now.highest()));
        long scales = scale.value().size() / (quantizer.hasOffset() ? 2 : 1);
        for (long i = 0; i < scales; i++) {
            scale.value().segment().setAtIndex(JAVA_FLOAT, i, scale.value().segment().getAtIndex(JAVA_FLOAT, i) + change);
        }
        scale.markChanged();
    }

    private FakeQuantRule rule(Layer layer, long step) {
        FakeQuantRule base = layer.base().rule();
        boolean isBlockWise = settings.kind() == ProgressiveKind.BLOCK_WISE;
        boolean scheduled = settings.kind() == ProgressiveKind.MIX || settings.kind() == ProgressiveKind.LAYER_WISE || isBlockWise;
        double mix = isBlockWise ? schedule.mix(step, layer.block(), blocks) : schedule.mix(step, layer.index(), linears);
        double channels = schedule.channels(step);
        boolean shared = settings.fraction() < 1;
        return new FakeQuantRule(schedule.levels(step, base.levels()), sharpened(base.estimator(), step),
                scheduled ? (float) mix : base.mix(),
                settings.noise() > 0 ? (float) settings.noise() : base.noise(),
                channels < 1 ? (float) channels : shared ? (float) settings.fraction() : base.fraction(),
                channels < 1 ? (int) layer.linear().weight().shape().columns() : shared ? settings.block() : base.block(),
                channels < 1 ? seed(0, layer.index()) : base.seed()); // the same rows at every step, and ever more of them
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

    @Override
    public void afterStep(StepResult result, Control control) {
        if (isUnderWay(result.step()) && result.updated() && criterion.isMetAfterStep(result.loss())) {
            goOn(result.step());
        }
    }

    @Override
    public void afterEvaluation(TrainingEvent.Evaluated evaluation, Control control) {
        if (isUnderWay(evaluation.step()) && criterion.isMetAfterEvaluation(evaluation.value())) {
            goOn(evaluation.step());
        }
    }

    /** Before the first stage there is nothing that could be over, and after the last one neither. */
    private boolean isUnderWay(long step) {
        return step + ahead >= settings.startStep() && !isComplete(step);
    }

    /** The next step is the first of the next stage. */
    private void goOn(long step) {
        ahead = Math.max(ahead, schedule.nextStage(step + ahead) - step - 1);
    }

    @Override
    public String name() {
        return settings.kind() == ProgressiveKind.NONE ? "" : "progressive";
    }

    @Override
    public Map<String, Double> state() {
        Map<String, Double> state = new LinkedHashMap<>(criterion.state());
        state.put("ahead", (double) ahead);
        state.put("ahead_before", (double) aheadBefore);
        return state;
    }

    @Override
    public void restore(Map<String, Double> state) {
        criterion.restore(state);
        ahead = state.getOrDefault("ahead", 0.0).longValue();
        aheadBefore = state.getOrDefault("ahead_before", 0.0).longValue();
    }
}
