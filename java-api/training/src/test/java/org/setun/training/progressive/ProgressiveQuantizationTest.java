package org.setun.training.progressive;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.QuantLevels;
import org.setun.nn.BitLinear;
import org.setun.nn.Mlp;
import org.setun.nn.Quantization;
import org.setun.quant.Granularity;
import org.setun.quant.Int8Absmax;
import org.setun.quant.qat.FakeQuantizer;
import org.setun.quant.qat.LevelQuantizer;
import org.setun.quant.qat.Rounding;
import org.setun.quant.qat.ScaleRule;
import org.setun.training.config.TrainingConfig.Progressive;
import org.setun.training.config.TrainingConfig.ProgressiveKind;
import org.setun.training.config.TrainingConfig.ProgressiveShape;

import static org.assertj.core.api.Assertions.assertThat;
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
        return new Progressive(kind, 2, 8, shape, 1, 0.01, noise, fraction, 16);
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

    private static List<FakeQuantRule> rules(Mlp model) {
        return model.linears().stream().map(layer -> ((LevelQuantizer) ((BitLinear) layer).quantization().weights()).rule()).toList();
    }
}
