package org.setun.quant;

import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;

/**
 * A quantizer with the clipped straight-through estimator (arXiv 1602.02830): the gradient passes where {@code |w| <= threshold}, and is 0
 * beyond, where a further step outward would change no code.
 *
 * @param quantizer what rounds
 * @param threshold inclusive, in units of the latent weight, > 0
 */
public record ClippedGradient(WeightQuantizer quantizer, float threshold) implements WeightQuantizer {

    public ClippedGradient {
        if (!(threshold > 0)) {
            throw new IllegalArgumentException("threshold = " + threshold + " must be > 0");
        }
    }

    @Override
    public String name() {
        return quantizer.name() + "-clipped";
    }

    @Override
    public QuantizedWeight allocate(Allocator allocator, long outputs, long inputs) {
        return quantizer.allocate(allocator, outputs, inputs);
    }

    @Override
    public void quantize(Backend backend, Tensor latent, QuantizedWeight into) {
        quantizer.quantize(backend, latent, into);
    }

    @Override
    public boolean isStraightThrough() {
        return false;
    }

    @Override
    public void backward(Backend backend, Tensor latent, QuantizedWeight weight, Tensor gradient) {
        quantizer.backward(backend, latent, weight, gradient);
        FakeQuantRule rule = new FakeQuantRule(QuantLevels.ternary(), new Estimator.ClippedValue(threshold)); // of which only the bound counts
        backend.fakeQuantBackward(rule, 1, latent.size(), latent.segment(), weight.scales().segment(), null, gradient.segment(),
                gradient.segment(), null, null, 0);
    }
}
