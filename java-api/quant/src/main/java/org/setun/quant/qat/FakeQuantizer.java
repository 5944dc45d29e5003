package org.setun.quant.qat;

import java.lang.foreign.MemorySegment;
import java.util.Locale;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;
import org.setun.quant.Granularity;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/**
 * Quantizes a weight to levels at equal distances with any estimator; scales follow from the weight by a rule, at each step anew. Where the rule
 * gives ternary codes with one scale, and nothing but them, products run on packed codes; else in floating point.
 *
 * @param rule        levels, estimator, mix, noise
 * @param scale       how scales follow from values
 * @param granularity what shares a scale
 */
public record FakeQuantizer(FakeQuantRule rule, ScaleRule scale, Granularity granularity) implements LevelQuantizer {

    @Override
    public FakeQuantizer withRule(FakeQuantRule other) {
        return new FakeQuantizer(other, scale, granularity);
    }

    @Override
    public String name() {
        return name("", rule, scale, granularity);
    }

    static String name(String kind, FakeQuantRule rule, ScaleRule scale, Granularity granularity) {
        QuantLevels levels = rule.levels();
        return String.format(Locale.ROOT, "%s%s[%d..%d]-%s-%s", kind, rule.estimator().getClass().getSimpleName().toLowerCase(Locale.ROOT),
                levels.lowest(), levels.highest(), scale.name().toLowerCase(Locale.ROOT), granularity.name().toLowerCase(Locale.ROOT));
    }

    @Override
    public QuantizedWeight allocate(Allocator allocator, long outputs, long inputs) {
        return LevelWeight.allocate(allocator, outputs, inputs, granularity, false);
    }

    @Override
    public void quantize(Backend backend, Tensor latent, QuantizedWeight into) {
        LevelWeight weight = (LevelWeight) into;
        setScales(rule.levels(), scale, granularity, latent, weight.scales().segment(), weight.scales().size());
        weight.fill(backend, rule, latent);
    }

    /** Sets each of {@code count} scales from its group of values. */
    static void setScales(QuantLevels levels, ScaleRule rule, Granularity granularity, Tensor latent, MemorySegment scales,
            long count) {
        long group = granularity.group(latent.rows(), latent.columns());
        for (long s = 0; s < count; s++) {
            scales.setAtIndex(JAVA_FLOAT, s, rule.of(levels, latent.segment(), s * group, group));
        }
    }

    @Override
    public boolean isStraightThrough() {
        return rule.estimator() instanceof Estimator.Identity; // then mix, fraction and noise change no gradient either
    }

    @Override
    public void backward(Backend backend, Tensor latent, QuantizedWeight weight, Tensor gradient) {
        long group = granularity.group(latent.rows(), latent.columns());
        backend.fakeQuantBackward(rule, weight.scales().size(), group, latent.segment(), weight.scales().segment(), null,
                gradient.segment(),
                gradient.segment(), null, null, 0);
    }
}
