package org.setun.training.progressive;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.QuantLevels;
import org.setun.kernels.Workspace;
import org.setun.nn.BitLinear;
import org.setun.nn.DType;
import org.setun.nn.Mlp;
import org.setun.nn.Quantization;
import org.setun.nn.Tensor;
import org.setun.quant.Granularity;
import org.setun.quant.Int8Absmax;
import org.setun.quant.qat.FakeQuantizer;
import org.setun.quant.qat.LearnedFakeQuantizer;
import org.setun.quant.qat.LevelQuantizer;
import org.setun.quant.qat.Rounding;
import org.setun.quant.qat.ScaleRule;
import org.setun.training.callback.TrainingCallback;
import org.setun.training.config.TrainingConfig.Progressive;
import org.setun.training.config.TrainingConfig.ProgressiveCompletion;
import org.setun.training.config.TrainingConfig.ProgressiveKind;
import org.setun.training.config.TrainingConfig.ProgressiveShape;
import org.setun.training.event.TrainingEvent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

/** Values of the schedules, and what they do to layers. */
class ProgressiveQuantizationTest {

    private final Backend backend = Backends.open();
    private final MemoryPool pool = new MemoryPool(backend);

    @AfterEach
    void close() {
        pool.close();
        backend.close();
    }

    private static Progressive settings(ProgressiveKind kind, ProgressiveShape shape, double noise, double fraction) {
        return settings(kind, shape, noise, fraction, ProgressiveCompletion.STEPS, 0, 1);
    }

    private static Progressive settings(ProgressiveKind kind, ProgressiveShape shape, double noise, double fraction,
            ProgressiveCompletion completion, double threshold, long patience) {
        return new Progressive(kind, 2, 8, shape, 1, 0.01, noise, fraction, 16, 6, completion, threshold, patience, 3);
    }

    private static ProgressiveSchedule schedule(ProgressiveKind kind, ProgressiveShape shape) {
        return new ProgressiveSchedule(settings(kind, shape, 0, 1));
    }

    @Test
    void valuesOfTheMix() {
        ProgressiveSchedule linear = schedule(ProgressiveKind.MIX, ProgressiveShape.LINEAR);
        ProgressiveSchedule cosine = schedule(ProgressiveKind.MIX, ProgressiveShape.COSINE);
        assertThat(List.of(1L, 2L, 8L, 9L).stream().map(step -> linear.mix(step, 0, 4))).containsExactly(0.0, 0.0, 1.0, 1.0);
        assertThat(List.of(1L, 2L, 8L, 9L).stream().map(step -> cosine.mix(step, 3, 4))).containsExactly(0.0, 0.0, 1.0, 1.0);
        assertThat(linear.mix(5, 0, 4)).isEqualTo(0.5);
        assertThat(linear.mix(3, 0, 4)).isEqualTo(1 / 6.0);
        assertThat(cosine.mix(5, 0, 4)).isEqualTo(0.5, within(1e-12));
        assertThat(cosine.mix(4, 0, 4)).isEqualTo(0.5 * (1 - Math.cos(Math.PI / 3)), within(1e-12));
    }

    @Test
    void layersAreQuantizedOneByOne() {
        ProgressiveSchedule schedule = schedule(ProgressiveKind.LAYER_WISE, ProgressiveShape.LINEAR);
        int before = 0;
        for (long step = 1; step <= 8; step++) {
            int quantized = 0;
            for (int layer = 0; layer < 3; layer++) {
                assertThat(schedule.mix(step, layer, 3)).isIn(0.0, 1.0);
                quantized += schedule.mix(step, layer, 3) == 1 ? 1 : 0;
                assertThat(layer == 0 || schedule.mix(step, layer, 3) <= schedule.mix(step, layer - 1, 3)).as("in order").isTrue();
            }
            assertThat(quantized).isGreaterThanOrEqualTo(before);
            before = quantized;
        }
        assertThat(List.of(2L, 4L, 6L, 8L).stream()
                .map(step -> schedule.mix(step, 0, 3) + schedule.mix(step, 1, 3) + schedule.mix(step, 2, 3)))
                .containsExactly(0.0, 1.0, 2.0, 3.0);
    }

    @Test
    void temperatureFallsGeometrically() {
        ProgressiveSchedule schedule = schedule(ProgressiveKind.SOFT_TO_HARD, ProgressiveShape.LINEAR);
        assertThat(schedule.temperature(1)).isEqualTo(1, within(1e-12));
        assertThat(schedule.temperature(5)).isEqualTo(0.1, within(1e-12));
        assertThat(schedule.temperature(8)).isEqualTo(0.01, within(1e-12));
        assertThat(schedule.mix(1, 0, 1)).isEqualTo(1);
    }

    @Test
    void layersGetTheirRuleAndEvaluationsNoNoise() {
        FakeQuantRule rule = new FakeQuantRule(QuantLevels.ternary(), new Estimator.Gumbel(0.5f, 0.1f, true));
        Mlp model = new Mlp(List.of(8L, 8L, 8L, 4L), false,
                new Quantization(new FakeQuantizer(rule, ScaleRule.ABSMEAN, Granularity.TENSOR), new Int8Absmax()), pool, 3);
        ProgressiveQuantization schedule = new ProgressiveQuantization(model,
                settings(ProgressiveKind.MIX, ProgressiveShape.LINEAR, 0.25, 0.5), 5);
        schedule.prepare(5);
        List<FakeQuantRule> first = rules(model);
        assertThat(first).allSatisfy(each -> {
            assertThat(each.mix()).isEqualTo(0.5f);
            assertThat(each.noise()).isEqualTo(0.25f);
            assertThat(each.fraction()).isEqualTo(0.5f);
        });
        assertThat(first.stream().map(FakeQuantRule::seed).distinct()).as("each layer has its own numbers").hasSize(3);
        schedule.prepare(6);
        assertThat(rules(model).getFirst().seed()).as("and each step").isNotEqualTo(first.getFirst().seed());
        schedule.prepare(5);
        assertThat(rules(model)).as("of the step alone").isEqualTo(first);
        try (Rounding _ = Rounding.of(model)) {
            assertThat(rules(model)).allSatisfy(each -> {
                assertThat(each.noise()).isZero();
                assertThat(each.fraction()).isEqualTo(1);
                assertThat(each.mix()).isEqualTo(1);
                assertThat(each.estimator()).isEqualTo(new Estimator.Identity());
            });
        }
        assertThat(rules(model)).as("training goes on with its own").isEqualTo(first);
        schedule.restore();
        assertThat(rules(model)).allMatch(rule::equals);
    }

    /** What the settings do not ask for stays as a program made it. */
    @Test
    void rulesOfAProgramStayItsOwn() {
        FakeQuantRule rule = new FakeQuantRule(QuantLevels.symmetric(2), new Estimator.Clipped(1), 0.75f, 0.125f, 0.5f, 32, 9);
        Mlp model = new Mlp(List.of(8L, 8L, 4L), false,
                new Quantization(new FakeQuantizer(rule, ScaleRule.ABSMEAN, Granularity.TENSOR), new Int8Absmax()), pool, 3);
        ProgressiveQuantization schedule = new ProgressiveQuantization(model,
                settings(ProgressiveKind.NONE, ProgressiveShape.LINEAR, 0, 1), 5);
        schedule.prepare(3);
        assertThat(rules(model)).allSatisfy(each -> assertThat(each.withSeed(9)).isEqualTo(rule));
        assertThat(rules(model).stream().map(FakeQuantRule::seed).distinct()).as("new numbers for each layer").hasSize(2)
                .doesNotContain(9L);
    }

    @Test
    void bitsFallOneByOneAndScalesGrow() {
        Mlp model = new Mlp(List.of(16L, 16L), false,
                new Quantization(new LearnedFakeQuantizer(new FakeQuantRule(QuantLevels.signed(3), new Estimator.Lsq(0)), ScaleRule.LSQ,
                        Granularity.CHANNEL), null),
                pool, 3);
        BitLinear layer = (BitLinear) model.linears().getFirst();
        float start = layer.scale().value().toArray()[0];
        ProgressiveQuantization schedule = new ProgressiveQuantization(model,
                settings(ProgressiveKind.BIT_WIDTH, ProgressiveShape.LINEAR, 0, 1), 5);
        List<QuantLevels> levels = new ArrayList<>();
        for (long step = 1; step <= 9; step++) {
            schedule.prepare(step);
            QuantLevels now = rules(model).getFirst().levels();
            levels.add(now);
            assertThat(layer.scale().value().toArray()[0]).as("the outermost level stays, step %d", step)
                    .isEqualTo((float) (start + Math.log(3.0 / now.highest())), within(1e-5f));
        }
        assertThat(levels.stream().map(QuantLevels::count)).containsExactly(64, 64, 64, 32, 32, 16, 16, 8, 8);
        schedule.prepare(3);
        schedule.restore();
        assertThat(rules(model).getFirst().levels()).isEqualTo(QuantLevels.signed(3));
        ProgressiveSchedule bits = schedule(ProgressiveKind.BIT_WIDTH, ProgressiveShape.LINEAR);
        assertThat(bits.levels(1, QuantLevels.ternary())).isEqualTo(QuantLevels.symmetric(6));
        assertThat(bits.levels(1, QuantLevels.midRise(2))).isEqualTo(QuantLevels.midRise(6));
        assertThat(bits.levels(1, QuantLevels.binary())).isEqualTo(QuantLevels.symmetric(6));
        assertThat(bits.levels(8, QuantLevels.ternary())).isEqualTo(QuantLevels.ternary());
    }

    /** Rows that are quantized stay so, and others join them. */
    @Test
    void channelsJoinOneByOne() {
        FakeQuantRule rule = new FakeQuantRule(QuantLevels.ternary(), new Estimator.Identity());
        Mlp model = new Mlp(List.of(16L, 64L, 32L), false,
                new Quantization(new FakeQuantizer(rule, ScaleRule.ABSMEAN, Granularity.TENSOR), null),
                pool, 3);
        ProgressiveQuantization schedule = new ProgressiveQuantization(model,
                settings(ProgressiveKind.CHANNEL_WISE, ProgressiveShape.LINEAR, 0, 1), 5);
        BitLinear layer = (BitLinear) model.linears().getFirst();
        float[] latent = layer.weight().value().toArray();
        Set<Integer> before = Set.of();
        for (long step = 1; step <= 8; step++) {
            schedule.prepare(step);
            Tensor values = Tensor.allocate(pool, DType.F32, layer.weight().shape());
            layer.quantizedWeight(backend).expand(backend, values);
            float[] now = values.toArray();
            Set<Integer> rows = new HashSet<>();
            for (int row = 0; row < 64; row++) {
                boolean same = Arrays.equals(latent, 16 * row, 16 * row + 16, now, 16 * row, 16 * row + 16);
                boolean none = true;
                for (int i = 16 * row; i < 16 * row + 16; i++) {
                    none &= latent[i] != now[i];
                }
                assertThat(same || none).as("whole rows").isTrue();
                if (!same) {
                    rows.add(row);
                }
            }
            assertThat(rows).containsAll(before);
            assertThat(rows.size() / 64.0).isEqualTo(Math.clamp((step - 2) / 6.0, 0, 1), within(0.2));
            before = rows;
        }
        assertThat(before).hasSize(64);
        Mlp narrow = new Mlp(List.of(8L, 4L), false, new Quantization(new FakeQuantizer(rule, ScaleRule.ABSMEAN, Granularity.TENSOR), null),
                pool, 3);
        assertThatIllegalArgumentException().isThrownBy(
                () -> new ProgressiveQuantization(narrow, settings(ProgressiveKind.CHANNEL_WISE, ProgressiveShape.LINEAR, 0, 1), 5))
                .withMessageContaining("multiple of 16");
    }

    private Mlp ternaryModel() {
        FakeQuantRule rule = new FakeQuantRule(QuantLevels.ternary(), new Estimator.Identity());
        return new Mlp(List.of(16L, 16L, 16L, 16L), false,
                new Quantization(new FakeQuantizer(rule, ScaleRule.ABSMEAN, Granularity.TENSOR), null),
                pool, 3);
    }

    private static void step(ProgressiveQuantization schedule, long step, double loss) {
        schedule.prepare(step);
        schedule.afterStep(new TrainingCallback.StepResult(step, loss, 1, true), reason -> {
        });
    }

    /** Stages begin after steps 2, 4 and 6; all is quantized from step 8 on. */
    @Test
    void aStageEndsWhenTheLossNoLongerFalls() {
        Mlp model = ternaryModel();
        ProgressiveQuantization schedule = new ProgressiveQuantization(model,
                settings(ProgressiveKind.MIX, ProgressiveShape.LINEAR, 0, 1, ProgressiveCompletion.LOSS, 0.1, 1), 5);
        double[] losses = {9, 9, 5, 4.9, 6, 6};
        for (int i = 0; i < losses.length; i++) {
            step(schedule, i + 1, losses[i]);
        }
        ProgressiveQuantization other = new ProgressiveQuantization(ternaryModel(),
                settings(ProgressiveKind.MIX, ProgressiveShape.LINEAR, 0, 1, ProgressiveCompletion.LOSS, 0.1, 1), 5);
        other.restore(schedule.state());
        assertThat(other.state()).isEqualTo(schedule.state());
        assertThat(schedule.isComplete(6)).isFalse();
        assertThat(schedule.isComplete(7)).as("a step early").isTrue();
        assertThat(other.isComplete(7)).isTrue();
        ProgressiveQuantization falling = new ProgressiveQuantization(ternaryModel(),
                settings(ProgressiveKind.MIX, ProgressiveShape.LINEAR, 0, 1, ProgressiveCompletion.LOSS, 0.1, 1), 5);
        for (long step = 1; step <= 7; step++) {
            step(falling, step, 10 / (double) step);
        }
        assertThat(falling.isComplete(7)).isFalse();
        assertThat(falling.isComplete(8)).as("at the latest").isTrue();
    }

    @Test
    void aStageEndsWhenTheErrorIsSmall() {
        double[] error = {0.5};
        ProgressiveQuantization schedule = new ProgressiveQuantization(ternaryModel(),
                settings(ProgressiveKind.LAYER_WISE, ProgressiveShape.LINEAR, 0, 1, ProgressiveCompletion.ERROR, 0.2, 1), 5, false,
                () -> error[0]);
        step(schedule, 1, 1);
        step(schedule, 2, 1);
        error[0] = 0.1;
        step(schedule, 3, 1); // on to the stage of step 4
        step(schedule, 4, 1); // on to that of step 6, and so on
        step(schedule, 5, 1);
        assertThat(schedule.isComplete(5)).isFalse();
        assertThat(schedule.isComplete(6)).isTrue();
        try (Workspace workspace = new Workspace(backend)) {
            Mlp model = ternaryModel();
            double relative = WeightError.relative(backend, workspace, model);
            assertThat(relative).isBetween(0.3, 0.7);
            assertThat(workspace.statistics().inUse()).isZero();
        }
    }

    @Test
    void aStageEndsWhenAnEvaluationIsGoodEnough() {
        for (boolean higherIsBetter : new boolean[]{true, false}) {
            ProgressiveQuantization schedule = new ProgressiveQuantization(ternaryModel(),
                    settings(ProgressiveKind.MIX, ProgressiveShape.LINEAR, 0, 1, ProgressiveCompletion.ACCURACY, 0.9, 1), 5, higherIsBetter,
                    () -> 0);
            double good = higherIsBetter ? 0.95 : 0.5;
            double bad = higherIsBetter ? 0.5 : 0.95;
            double[] values = {good, good, bad, good, good};
            for (int i = 0; i < values.length; i++) {
                step(schedule, i + 1, 1);
                schedule.on(new TrainingEvent.Evaluated("t", i + 1, 1, "m", values[i], false), reason -> {
                });
            }
            assertThat(schedule.isComplete(5)).isFalse();
            assertThat(schedule.isComplete(6)).as("three good ones under way").isTrue();
        }
    }

    private static List<FakeQuantRule> rules(Mlp model) {
        return model.linears().stream().map(layer -> ((LevelQuantizer) ((BitLinear) layer).quantization().weights()).rule()).toList();
    }
}
