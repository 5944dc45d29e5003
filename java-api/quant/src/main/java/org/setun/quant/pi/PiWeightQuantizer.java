package org.setun.quant.pi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.LearnedScaleQuantizer;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Shape;
import org.setun.nn.Tensor;
import org.setun.quant.Granularity;
import org.setun.quant.UniformWeight;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/**
 * Pi-quantization in training: values {@code q * s} with the step {@code s = α π / k}, integers q in {@code [lowest, highest]}, and a learned
 * α per tensor, channel or block.
 *
 * <p>Gradients are those of LSQ (arXiv 1902.08153), through α. With {@code z = w / s}: inside, {@code lowest < z < highest}, the gradient g
 * passes to w, and α gets {@code g (q - z) π / k}; outside w gets 0, and α gets {@code g q π / k}. What α gets is divided by
 * {@code sqrt(N highest)} for the N values that share it. {@code π / k} is a rate of learning for the scale and nothing else: the grid is the
 * uniform one of step s.
 *
 * @param lowest      the lowest code, at most -1
 * @param highest     the highest code, at least 1; at most 256 codes in all, within a byte
 * @param k           2 to 5
 * @param granularity what shares an α
 */
public record PiWeightQuantizer(int lowest, int highest, int k, Granularity granularity) implements LearnedScaleQuantizer {

    /** The least α that is used, so that a step on the way through zero stays a step. */
    public static final float LEAST_ALPHA = 1e-8f;

    public PiWeightQuantizer {
        if (lowest < Byte.MIN_VALUE || lowest > -1 || highest < 1 || highest > Byte.MAX_VALUE) {
            throw new IllegalArgumentException("codes [" + lowest + ", " + highest + "] must contain -1, 0, 1 and fit a byte");
        }
        if (k < PiQuantConfig.LEAST_K || k > PiQuantConfig.MOST_K) {
            throw new IllegalArgumentException("k = " + k + " must be 2, 3, 4 or 5");
        }
    }

    /**
     * Codes of two's complement, as pi-q2 and pi-q3 store them.
     *
     * @param bits 2 to 5
     */
    public static PiWeightQuantizer ofBits(int bits, int k, Granularity granularity) {
        if (bits < 2 || bits > 5) {
            throw new IllegalArgumentException("bits = " + bits + " must be 2, 3, 4 or 5");
        }
        return new PiWeightQuantizer(-(1 << bits - 1), (1 << bits - 1) - 1, k, granularity);
    }

    /** Codes -1, 0, 1. */
    public static PiWeightQuantizer ternary(int k, Granularity granularity) {
        return new PiWeightQuantizer(-1, 1, k, granularity);
    }

    @Override
    public String name() {
        return String.format(Locale.ROOT, "pi[%d..%d]-k%d-%s", lowest, highest, k, granularity.name().toLowerCase(Locale.ROOT));
    }

    @Override
    public QuantizedWeight allocate(Allocator allocator, long outputs, long inputs) {
        return UniformWeight.allocate(allocator, outputs, inputs, scaleShape(outputs, inputs).size());
    }

    @Override
    public Shape scaleShape(long outputs, long inputs) {
        return Shape.of(granularity.groups(outputs, inputs));
    }

    /** LSQ's start: the step is twice the mean magnitude over the root of the highest code. */
    @Override
    public void initialize(Tensor latent, Tensor scales) {
        long group = granularity.group(latent.rows(), latent.columns());
        MemorySegment w = latent.segment();
        for (long s = 0; s < scales.size(); s++) {
            double sum = 0;
            for (long i = s * group; i < (s + 1) * group; i++) {
                sum += Math.abs(w.getAtIndex(JAVA_FLOAT, i));
            }
            double step = 2 * (sum / group) / Math.sqrt(highest);
            scales.segment().setAtIndex(JAVA_FLOAT, s, (float) (step * k / Math.PI));
        }
    }

    @Override
    public void quantize(Backend backend, Tensor latent, QuantizedWeight into) {
        UniformWeight weight = (UniformWeight) into;
        initialize(latent, weight.scales());
        quantize(backend, latent, weight.scales(), into);
    }

    @Override
    public void quantize(Backend backend, Tensor latent, Tensor scales, QuantizedWeight into) {
        UniformWeight weight = (UniformWeight) into;
        setSteps(scales, weight.scales().segment());
        backend.fakeQuantForward(rule(), scales.size(), granularity.group(latent.rows(), latent.columns()), latent.segment(),
                weight.scales().segment(), null, weight.values().segment(), weight.codes().segment(), null);
    }

    @Override
    public void backward(Backend backend, Tensor latent, Tensor scales, Tensor gradient, Tensor scaleGradient) {
        long group = granularity.group(latent.rows(), latent.columns());
        double factor = Math.PI / k / Math.sqrt((double) group * highest);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment steps = arena.allocate(JAVA_FLOAT, Math.max(1, scales.size()));
            setSteps(scales, steps);
            backend.fakeQuantBackward(rule(), scales.size(), group, latent.segment(), steps, null, gradient.segment(), gradient.segment(),
                    scaleGradient.segment(), null, (float) factor);
        }
    }

    /** Without scales to learn: the gradient of the weight alone. */
    @Override
    public void backward(Backend backend, Tensor latent, QuantizedWeight weight, Tensor gradient) {
        backend.fakeQuantBackward(rule(), weight.scales().size(), granularity.group(latent.rows(), latent.columns()), latent.segment(),
                weight.scales().segment(), null, gradient.segment(), gradient.segment(), null, null, 0);
    }

    private FakeQuantRule rule() {
        return new FakeQuantRule(new QuantLevels(lowest, highest, 0, 1), new Estimator.Lsq(0));
    }

    /** The step of each α; NaN if α is NaN. */
    private void setSteps(Tensor scales, MemorySegment steps) {
        for (long s = 0; s < scales.size(); s++) {
            steps.setAtIndex(JAVA_FLOAT, s, Math.max(scales.segment().getAtIndex(JAVA_FLOAT, s), LEAST_ALPHA) * (float) (Math.PI / k));
        }
    }
}
