package org.setun.quant;

import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;

/**
 * BitNet b1.58's weight quantizer (arXiv 2402.17764): {@code γ = max(mean|W|, 1e-5)} over the whole matrix, codes
 * {@code clamp(round(W / γ), -1, 1)}. The gradient passes straight through. On a normal distribution of deviation σ: γ = 0.798 σ, 31 % of
 * the codes are 0, signal to quantization noise 5.79 dB.
 */
public record TernaryAbsmean() implements WeightQuantizer {

    @Override
    public String name() {
        return "ternary-absmean";
    }

    @Override
    public QuantizedWeight allocate(Allocator allocator, long outputs, long inputs) {
        return TernaryWeight.allocate(allocator, outputs, inputs);
    }

    @Override
    public void quantize(Backend backend, Tensor latent, QuantizedWeight into) {
        backend.ternaryQuantizePack(latent.segment(), latent.rows(), latent.columns(), into.codes().segment(), into.scales().segment());
    }
}
