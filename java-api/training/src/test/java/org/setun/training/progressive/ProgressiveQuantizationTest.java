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

    private static ProgressiveQuantization schedule(ProgressiveKind kind, ProgressiveShape shape, double noise, double fraction) {
        return new ProgressiveQuantization(new Progressive(kind, 2, 8, shape, 1, 0.01, noise, fraction, 16), 5);
    }

    @Test
    void valuesOfTheMix() {
        ProgressiveQuantization linear = schedule(ProgressiveKind.MIX, ProgressiveShape.LINEAR, 0, 1);
        ProgressiveQuantization cosine = schedule(ProgressiveKind.MIX, ProgressiveShape.COSINE, 0, 1);
        assertThat(List.of(1L, 2L, 8L, 9L).stream().map(step -> linear.mix(step, 0, 4))).containsExactly(0.0, 0.0, 1.0, 1.0);
        assertThat(List.of(1L, 2L, 8L, 9L).stream().map(step -> cosine.mix(step, 3, 4))).containsExactly(0.0, 0.0, 1.0, 1.0);
        assertThat(linear.mix(5, 0, 4)).isEqualTo(0.5);
        assertThat(linear.mix(3, 0, 4)).isEqualTo(1 / 6.0);
        assertThat(cosine.mix(5, 0, 4)).isEqualTo(0.5, within(1e-12));
        assertThat(cosine.mix(4, 0, 4)).isEqualTo(0.5 * (1 - Math.cos(Math.PI / 3)), within(1e-12));
    }

    @Test
    void layersAreQuantizedOneByOne() {
        ProgressiveQuantization schedule = schedule(ProgressiveKind.LAYER_WISE, ProgressiveShape.LINEAR, 0, 1);
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
        ProgressiveQuantization schedule = schedule(ProgressiveKind.SOFT_TO_HARD, ProgressiveShape.LINEAR, 0, 1);
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
        ProgressiveQuantization schedule = schedule(ProgressiveKind.MIX, ProgressiveShape.LINEAR, 0.25, 0.5);
        schedule.prepare(model, 5);
        List<FakeQuantRule> first = rules(model);
        assertThat(first).allSatisfy(each -> {
            assertThat(each.mix()).isEqualTo(0.5f);
            assertThat(each.noise()).isEqualTo(0.25f);
            assertThat(each.fraction()).isEqualTo(0.5f);
        });
        assertThat(first.stream().map(FakeQuantRule::seed).distinct()).as("each layer has its own numbers").hasSize(3);
        schedule.prepare(model, 6);
        assertThat(rules(model).getFirst().seed()).as("and each step").isNotEqualTo(first.getFirst().seed());
        schedule.prepare(model, 5);
        assertThat(rules(model)).as("of the step alone").isEqualTo(first);
        schedule.prepareEvaluation(model, 5);
        assertThat(rules(model)).allSatisfy(each -> {
            assertThat(each.noise()).isZero();
            assertThat(each.fraction()).isEqualTo(1);
        });
    }

    private static List<FakeQuantRule> rules(Mlp model) {
        return model.linears().stream().map(layer -> ((LevelQuantizer) ((BitLinear) layer).quantization().weights()).rule()).toList();
    }
}
