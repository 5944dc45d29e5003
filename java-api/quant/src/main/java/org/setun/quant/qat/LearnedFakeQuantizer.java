package org.setun.quant.qat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.FakeQuantRule;
import org.setun.nn.LearnedScaleQuantizer;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Shape;
import org.setun.nn.Tensor;
import org.setun.quant.Granularity;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/**
 * As {@link FakeQuantizer}, with scales that are learned. What is learned is the natural logarithm of a scale: scales stay positive, and a step of an
 * optimizer like Adam, whose size does not depend on that of the gradient, changes each by a like share, the fine ones of 8 bits as well as the coarse
 * ones of 2. The gradient of a scale is divided by {@code sqrt(N Q)} for the N values that share it and the highest level Q (LSQ, arXiv 1902.08153).
 *
 * @param rule        levels, estimator, mix, noise
 * @param start       what scales start from
 * @param granularity what shares a scale
 */
public record LearnedFakeQuantizer(FakeQuantRule rule, ScaleRule start,
        Granularity granularity) implements LevelQuantizer, LearnedScaleQuantizer {

    @Override
    public LearnedFakeQuantizer withRule(FakeQuantRule other) {
        return new LearnedFakeQuantizer(other, start, granularity);
    }

    @Override
    public String name() {
        return FakeQuantizer.name("learned-", rule, start, granularity);
    }

    @Override
    public QuantizedWeight allocate(Allocator allocator, long outputs, long inputs) {
        return LevelWeight.allocate(allocator, outputs, inputs, rule.levels(), granularity);
    }

    @Override
    public Shape scaleShape(long outputs, long inputs) {
        return Shape.of(granularity.groups(outputs, inputs));
    }

    /** Sets {@code scales} to the logarithms of the scales that the rule gives. */
    @Override
    public void initialize(Tensor latent, Tensor scales) {
        FakeQuantizer.setScales(rule.levels(), start, granularity, latent, scales);
        for (long i = 0; i < scales.size(); i++) {
            scales.segment().setAtIndex(JAVA_FLOAT, i, (float) StrictMath.log(scales.segment().getAtIndex(JAVA_FLOAT, i)));
        }
    }

    @Override
    public void quantize(Backend backend, Tensor latent, QuantizedWeight into) {
        LevelWeight weight = (LevelWeight) into;
        FakeQuantizer.setScales(rule.levels(), start, granularity, latent, weight.scales());
        weight.fill(backend, rule, latent);
    }

    @Override
    public void quantize(Backend backend, Tensor latent, Tensor scales, QuantizedWeight into) {
        LevelWeight weight = (LevelWeight) into;
        exponentials(scales, weight.scales().segment());
        weight.fill(backend, rule, latent);
    }

    @Override
    public void backward(Backend backend, Tensor latent, Tensor scales, Tensor gradient, Tensor scaleGradient) {
        long group = granularity.group(latent.rows(), latent.columns());
        float highest = Math.max(1, rule.levels().level(rule.levels().highest()));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment values = arena.allocate(JAVA_FLOAT, Math.max(1, scales.size()));
            MemorySegment gradients = arena.allocate(JAVA_FLOAT, Math.max(1, scales.size()));
            exponentials(scales, values);
            backend.fakeQuantBackward(rule, scales.size(), group, latent.segment(), values, null, gradient.segment(), gradient.segment(),
                    gradients, null, (float) (1 / Math.sqrt((double) group * highest)));
            for (long i = 0; i < scales.size(); i++) {
                float before = scaleGradient.segment().getAtIndex(JAVA_FLOAT, i);
                scaleGradient.segment().setAtIndex(JAVA_FLOAT, i,
                        before + gradients.getAtIndex(JAVA_FLOAT, i) * values.getAtIndex(JAVA_FLOAT, i));
            }
        }
    }

    private static void exponentials(Tensor logarithms, MemorySegment scales) {
        for (long i = 0; i < logarithms.size(); i++) {
            scales.setAtIndex(JAVA_FLOAT, i, (float) StrictMath.exp(logarithms.segment().getAtIndex(JAVA_FLOAT, i)));
        }
    }
}
