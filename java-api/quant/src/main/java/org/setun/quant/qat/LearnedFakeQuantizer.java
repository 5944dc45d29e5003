package org.setun.quant.qat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
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
 * As {@link FakeQuantizer}, with scales that are learned, and offsets if asked for (LSQ+, arXiv 2004.09576). What is learned is the natural logarithm of a
 * scale: scales stay positive, and a step of an optimizer like Adam, whose size does not depend on that of the gradient, changes each by a like share, the
 * fine ones of 8 bits as well as the coarse ones of 2. Offsets are learned in units of their scale and start at 0. Gradients of scales and offsets are
 * divided by {@code sqrt(N Q)} for the N values that share them and the highest level Q (LSQ, arXiv 1902.08153).
 *
 * @param rule        levels, estimator, mix, noise
 * @param start       what scales start from
 * @param granularity what shares a scale
 * @param hasOffset   true: F32[2][groups] is learned, logarithms of scales before offsets; false: F32[groups]
 */
public record LearnedFakeQuantizer(FakeQuantRule rule, ScaleRule start, Granularity granularity,
        boolean hasOffset) implements LevelQuantizer, LearnedScaleQuantizer {

    /** Without offsets. */
    public LearnedFakeQuantizer(FakeQuantRule rule, ScaleRule start, Granularity granularity) {
        this(rule, start, granularity, false);
    }

    /** The groups' scales and offsets as the kernels take them. */
    private record Groups(MemorySegment scales, @Nullable MemorySegment offsets) {
    }

    @Override
    public LearnedFakeQuantizer withRule(FakeQuantRule other) {
        return new LearnedFakeQuantizer(other, start, granularity, hasOffset);
    }

    @Override
    public String name() {
        return FakeQuantizer.name(hasOffset ? "learned-offset-" : "learned-", rule, start, granularity);
    }

    @Override
    public QuantizedWeight allocate(Allocator allocator, long outputs, long inputs) {
        return LevelWeight.allocate(allocator, outputs, inputs, granularity, hasOffset);
    }

    @Override
    public Shape scaleShape(long outputs, long inputs) {
        long groups = granularity.groups(outputs, inputs);
        return hasOffset ? Shape.of(2, groups) : Shape.of(groups);
    }

    private long groups(Tensor learned) {
        return hasOffset ? learned.size() / 2 : learned.size();
    }

    /** Sets {@code scales} to the logarithms of the scales that the rule gives, and to offsets of 0. */
    @Override
    public void initialize(Tensor latent, Tensor scales) {
        long groups = groups(scales);
        scales.clear();
        FakeQuantizer.setScales(rule.levels(), start, granularity, latent, scales.segment(), groups);
        for (long i = 0; i < groups; i++) {
            scales.segment().setAtIndex(JAVA_FLOAT, i, (float) StrictMath.log(scales.segment().getAtIndex(JAVA_FLOAT, i)));
        }
    }

    @Override
    public void quantize(Backend backend, Tensor latent, QuantizedWeight into) {
        LevelWeight weight = (LevelWeight) into;
        FakeQuantizer.setScales(rule.levels(), start, granularity, latent, weight.scales().segment(), weight.scales().size());
        if (weight.offsets() != null) {
            weight.offsets().clear();
        }
        weight.fill(backend, rule, latent);
    }

    @Override
    public void quantize(Backend backend, Tensor latent, Tensor scales, QuantizedWeight into) {
        LevelWeight weight = (LevelWeight) into;
        Tensor offsets = weight.offsets();
        expand(scales, new Groups(weight.scales().segment(), offsets == null ? null : offsets.segment()));
        weight.fill(backend, rule, latent);
    }

    @Override
    public void backward(Backend backend, Tensor latent, Tensor scales, Tensor gradient, Tensor scaleGradient) {
        long count = groups(scales);
        long group = granularity.group(latent.rows(), latent.columns());
        float highest = Math.max(1, rule.levels().level(rule.levels().highest()));
        try (Arena arena = Arena.ofConfined()) {
            Groups values = room(arena, count);
            Groups gradients = room(arena, count);
            expand(scales, values);
            backend.fakeQuantBackward(rule, count, group, latent.segment(), values.scales, values.offsets, gradient.segment(),
                    gradient.segment(), gradients.scales, gradients.offsets, (float) (1 / Math.sqrt((double) group * highest)));
            // value = s f((v - b) / s) + b with s = exp(l) and b = o s: by l, and by o
            for (long i = 0; i < count; i++) {
                float scale = values.scales.getAtIndex(JAVA_FLOAT, i);
                float byLogarithm = gradients.scales.getAtIndex(JAVA_FLOAT, i) * scale;
                if (values.offsets != null && gradients.offsets != null) {
                    float byOffset = gradients.offsets.getAtIndex(JAVA_FLOAT, i);
                    byLogarithm += byOffset * values.offsets.getAtIndex(JAVA_FLOAT, i);
                    add(scaleGradient, count + i, byOffset * scale);
                }
                add(scaleGradient, i, byLogarithm);
            }
        }
    }

    private Groups room(Arena arena, long count) {
        long size = Math.max(1, count);
        return new Groups(arena.allocate(JAVA_FLOAT, size), hasOffset ? arena.allocate(JAVA_FLOAT, size) : null);
    }

    private static void add(Tensor sums, long index, float value) {
        sums.segment().setAtIndex(JAVA_FLOAT, index, sums.segment().getAtIndex(JAVA_FLOAT, index) + value);
    }

    /** What the learned numbers stand for. */
    private void expand(Tensor learned, Groups into) {
        long count = groups(learned);
        for (long i = 0; i < count; i++) {
            float scale = (float) StrictMath.exp(learned.segment().getAtIndex(JAVA_FLOAT, i));
            into.scales.setAtIndex(JAVA_FLOAT, i, scale);
            if (into.offsets != null) {
                into.offsets.setAtIndex(JAVA_FLOAT, i, learned.segment().getAtIndex(JAVA_FLOAT, count + i) * scale);
            }
        }
    }
}
