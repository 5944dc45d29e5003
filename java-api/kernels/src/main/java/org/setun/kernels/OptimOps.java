package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Optimizer kernels: the operations of {@code setun/optim.h}. */
public interface OptimOps {

    /** Hyper-parameters of one AdamW update; {@code bias1 = 1 - beta1^t}, {@code bias2 = 1 - beta2^t}. */
    record AdamW(float lr, float beta1, float beta2, float eps, float weightDecay, float bias1, float bias2) {
    }

    /** {@code out} f64[1] = sum of {@code x}. */
    void sum(MemorySegment x, long count, MemorySegment out);

    /** {@code out} f64[1] = sum of squares of {@code x}. */
    void sumSquares(MemorySegment x, long count, MemorySegment out);

    /** {@code out} f32[2] = {global norm, clip factor} from {@code sums} f64[count]. */
    void clipFactor(MemorySegment sums, long count, float maxNorm, MemorySegment out);

    /** One AdamW step on {@code w, m, v} f32[count] with the gradient {@code g * gradFactor[0]}. */
    void adamW(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor);

    /**
     * As {@link #adamW}, but the step, without the rate, goes to {@code direction} f32[count] and {@code w} stays: for methods that scale it by
     * its norm. {@code direction} may be {@code g}.
     */
    void adamDirection(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor, MemorySegment direction);

    /** One step of Adam (arXiv 1412.6980), whose weight decay is part of the gradient. */
    void adam(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor);

    /** Hyper-parameters of one step of stochastic gradient descent; {@code nesterov} needs momentum. */
    record Sgd(float lr, float momentum, float weightDecay, boolean nesterov) {
    }

    /** One step on {@code w} f32[count] with the velocity {@code m} f32[count], null without momentum. */
    void sgd(Sgd step, long count, MemorySegment w, MemorySegment g, @Nullable MemorySegment m, @Nullable MemorySegment gradFactor);

    /** Hyper-parameters of one step of Lion (arXiv 2302.06675). */
    record Lion(float lr, float beta1, float beta2, float weightDecay) {
    }

    /** One step on {@code w, m} f32[count]. */
    void lion(Lion step, long count, MemorySegment w, MemorySegment g, MemorySegment m, @Nullable MemorySegment gradFactor);

    /** Values of {@link #adamW8} that share a scale. */
    int ADAMW8_BLOCK = 256;

    /**
     * One AdamW step on {@code w} f32[count] with moments of 8 bits (arXiv 2110.02861): codes {@code m} i8[count], {@code v} u8[count] of the maps
     * in the header, and {@code mScale, vScale} f32[ceil(count / 256)].
     */
    void adamW8(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v, MemorySegment mScale,
            MemorySegment vScale, @Nullable MemorySegment gradFactor);

    /** Hyper-parameters of one step of Adafactor (arXiv 1804.04235); {@code beta2 = 1 - t^-0.8}. */
    record Adafactor(float lr, float beta2, float eps, float clip, float weightDecay) {
    }

    /** One step on {@code w} f32[rows][columns] with the second moments {@code row} f32[rows] and {@code column} f32[columns]. */
    void adafactor(Adafactor step, long rows, long columns, MemorySegment w, MemorySegment g, MemorySegment row, MemorySegment column,
            @Nullable MemorySegment gradFactor);

    /** The mark of a weight that is not frozen. */
    byte CODE_FREE = -128;

    /** Momentum of the moving averages, and the oscillation above which a weight freezes, 0: never. */
    record CodeTracking(float momentum, float threshold) {
    }

    /**
     * What {@code codes} i8[count] do over the steps (arXiv 2203.11086): updates {@code previous, direction} i8[count] and, if given,
     * {@code oscillation, average} f32[count] and {@code frozen} i8[count]; {@code counts} f64[3] gets changes, oscillations, frozen weights.
     */
    void trackCodes(CodeTracking how, long count, MemorySegment codes, MemorySegment previous, MemorySegment direction,
            @Nullable MemorySegment oscillation, @Nullable MemorySegment average, @Nullable MemorySegment frozen, MemorySegment counts);

    /** The largest latent weight in scales, 0: any; and what codes stand for, as of {@link QuantLevels}. */
    record WeightLimit(float limit, float shift, float divisions) {
    }

    /**
     * Holds {@code w} f32[groups][group] where quantization with {@code scales} f32[groups] can use it: frozen weights at their codes, others within
     * the limit. {@code counts} f64[2] gets the weights that were cut, and those that were not finite.
     */
    void constrainWeights(WeightLimit limit, long groups, long group, MemorySegment w, MemorySegment scales, @Nullable MemorySegment frozen,
            MemorySegment counts);
}
