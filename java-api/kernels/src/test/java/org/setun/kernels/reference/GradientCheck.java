package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.setun.testsupport.OffHeap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/**
 * Compares a gradient with fourth-order central differences of a scalar loss. Inputs and steps are multiples of 2^-10, so that x + h is
 * exact; the truncation error is of order h^4 = 1e-6 times the fifth derivative and the rounding error of order 2^-24 / h = 2e-6.
 */
final class GradientCheck {

    private static final float H = 0x1p-5f;

    /** Weights of the scalar loss: sum of weight * output. */
    private final float[] weights;

    GradientCheck(int outputs, long seed) {
        weights = OffHeap.toFloats(inputs(outputs, 0, seed));
    }

    /** Values in (-2, 2), at least {@code gap} away from 0. */
    static MemorySegment inputs(long count, double gap, long seed) {
        RandomGenerator random = new SplittableRandom(seed);
        MemorySegment segment = OffHeap.floats(count);
        for (long i = 0; i < count; i++) {
            double value = random.nextDouble(gap, 2) * (random.nextBoolean() ? 1 : -1);
            Segments.f32(segment, i, Math.round(value * 1024) / 1024f);
        }
        return segment;
    }

    /** The gradient of the loss with respect to the outputs. */
    MemorySegment outputGradient() {
        return OffHeap.of(weights);
    }

    double loss(MemorySegment outputs) {
        double loss = 0;
        for (int i = 0; i < weights.length; i++) {
            loss += (double) weights[i] * Segments.f32(outputs, i);
        }
        return loss;
    }

    /** Runs {@code forward}, which returns the outputs, around each value of {@code input} and compares with {@code gradient}. */
    void check(MemorySegment input, MemorySegment gradient, Supplier<MemorySegment> forward) {
        long count = input.byteSize() / 4;
        double largest = 1;
        for (long i = 0; i < count; i++) {
            largest = Math.max(largest, Math.abs(Segments.f32(gradient, i)));
        }
        for (long i = 0; i < count; i++) {
            float x = Segments.f32(input, i);
            double difference = 8 * (at(input, i, x + H, forward) - at(input, i, x - H, forward))
                    - (at(input, i, x + 2 * H, forward) - at(input, i, x - 2 * H, forward));
            Segments.f32(input, i, x);
            assertThat((double) Segments.f32(gradient, i)).as("gradient of value %d", i).isCloseTo(difference / (12 * H),
                    within(1e-4 * largest));
        }
    }

    private double at(MemorySegment input, long i, float value, Supplier<MemorySegment> forward) {
        Segments.f32(input, i, value);
        return loss(forward.get());
    }
}
