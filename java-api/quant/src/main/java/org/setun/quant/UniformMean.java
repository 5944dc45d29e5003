package org.setun.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;

/**
 * {@code 2^bits} levels at equal distances, half of them negative: {@code (code + 1/2) * step} with codes {@code -2^(bits-1)} to
 * {@code 2^(bits-1) - 1}. The step is the one with the least squared error for normally distributed weights (J. Max, Quantizing for minimum
 * distortion, 1960), measured by their mean magnitude. The gradient passes straight through. With one bit, the values are plus and minus
 * the mean magnitude.
 *
 * @param bits   1 to 8
 * @param perRow true: a step for each output; false: one for the matrix
 */
public record UniformMean(int bits, boolean perRow) implements WeightQuantizer {

    /** The best step for deviation 1, by bits. */
    private static final double[] STEPS = {1.5958, 0.9957, 0.5860, 0.3352, 0.1881, 0.1041, 0.0569, 0.0308};

    /** mean|w| of normally distributed w of deviation 1. */
    private static final double MEAN_MAGNITUDE = Math.sqrt(2 / Math.PI);

    private static final float SMALLEST_MEAN = 1e-5f;

    public UniformMean {
        if (bits < 1 || bits > 8) {
            throw new IllegalArgumentException("bits = " + bits + " must be in [1, 8]");
        }
    }

    @Override
    public String name() {
        return "uniform-" + bits + "bit" + (perRow ? "-rows" : "");
    }

    @Override
    public QuantizedWeight allocate(Allocator allocator, long outputs, long inputs) {
        return UniformWeight.allocate(allocator, outputs, inputs, perRow ? outputs : 1);
    }

    @Override
    public void quantize(Backend backend, Tensor latent, QuantizedWeight into) {
        UniformWeight weight = (UniformWeight) into;
        long group = perRow ? latent.columns() : latent.size();
        MemorySegment steps = weight.scales().segment();
        for (long row = 0; row < weight.scales().size(); row++) {
            steps.setAtIndex(ValueLayout.JAVA_FLOAT, row, step(latent.segment(), row * group, group));
        }
        FakeQuantRule rule = new FakeQuantRule(QuantLevels.midRise(bits), new Estimator.Identity());
        backend.fakeQuantForward(rule, weight.scales().size(), group, latent.segment(), steps, null, weight.values().segment(),
                weight.codes().segment(), null);
    }

    private float step(MemorySegment w, long first, long count) {
        double sum = 0;
        for (long i = first; i < first + count; i++) {
            sum += Math.abs(w.getAtIndex(ValueLayout.JAVA_FLOAT, i));
        }
        double mean = sum / count;
        return Double.isFinite(mean) ? (float) (Math.max(mean, SMALLEST_MEAN) * STEPS[bits - 1] / MEAN_MAGNITUDE) : Float.NaN;
    }
}
