package org.setun.quant.qat;

import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.FakeQuantRule;
import org.setun.nn.LearnedScaleQuantizer;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Shape;
import org.setun.nn.Tensor;
import org.setun.quant.Granularity;

/**
 * As {@link FakeQuantizer}, with scales that are learned. The gradient of a scale is divided by {@code sqrt(N Q)} for the N values that share it
 * and the highest level Q (LSQ, arXiv 1902.08153), so that scales and weights move at one pace.
 *
 * @param rule        levels, estimator, mix, noise
 * @param start       what scales start from
 * @param granularity what shares a scale
 */
public record LearnedFakeQuantizer(FakeQuantRule rule, ScaleRule start, Granularity granularity) implements LearnedScaleQuantizer {

    @Override
    public String name() {
        return FakeQuantizer.name("learned-", rule, start, granularity);
    }

    @Override
    public QuantizedWeight allocate(Allocator allocator, long outputs, long inputs) {
        return LevelWeight.allocate(allocator, outputs, inputs, rule, granularity);
    }

    @Override
    public Shape scaleShape(long outputs, long inputs) {
        long group = granularity.group(outputs, inputs);
        return Shape.of(group == 0 ? 0 : outputs * inputs / group);
    }

    @Override
    public void initialize(Tensor latent, Tensor scales) {
        FakeQuantizer.setScales(rule.levels(), start, granularity, latent, scales);
    }

    @Override
    public void quantize(Backend backend, Tensor latent, QuantizedWeight into) {
        LevelWeight weight = (LevelWeight) into;
        initialize(latent, weight.scales());
        weight.fill(backend, rule, latent, weight.scales());
    }

    @Override
    public void quantize(Backend backend, Tensor latent, Tensor scales, QuantizedWeight into) {
        LevelWeight weight = (LevelWeight) into;
        backend.axpby(1, scales.segment(), 0, weight.scales().segment(), scales.size());
        weight.fill(backend, rule, latent, weight.scales());
    }

    @Override
    public void backward(Backend backend, Tensor latent, Tensor scales, Tensor gradient, Tensor scaleGradient) {
        long group = granularity.group(latent.rows(), latent.columns());
        float highest = Math.max(1, rule.levels().level(rule.levels().highest()));
        backend.fakeQuantBackward(rule, scales.size(), group, latent.segment(), scales.segment(), null, gradient.segment(),
                gradient.segment(), scaleGradient.segment(), null, (float) (1 / Math.sqrt((double) group * highest)));
    }
}
