package org.setun.training.progressive;

import org.setun.kernels.Backend;
import org.setun.kernels.Workspace;
import org.setun.nn.BitLinear;
import org.setun.nn.DType;
import org.setun.nn.Linear;
import org.setun.nn.Model;
import org.setun.nn.Tensor;
import org.setun.quant.format.QuantizationError;
import org.setun.quant.qat.Rounding;

/** How far the quantized weights of a model are from its latent ones. */
public final class WeightError {

    private WeightError() {
    }

    /** The relative error over all quantized weights, rounded as an evaluation does; 0 if there are none. Takes room for one weight at a time. */
    public static double relative(Backend backend, Workspace workspace, Model model) {
        QuantizationError error = new QuantizationError();
        try (Rounding _ = Rounding.of(model)) {
            for (Linear linear : model.linears()) {
                if (linear instanceof BitLinear layer && layer.quantization().weights() != null) {
                    long mark = workspace.mark();
                    Tensor values = Tensor.allocate(workspace, DType.F32, layer.weight().shape());
                    layer.quantizedWeight(backend).expand(backend, values);
                    float[] latent = layer.weight().value().toArray();
                    error.add(latent, 0, values.toArray(), 0, latent.length);
                    workspace.release(mark);
                }
            }
        }
        return error.relative();
    }
}
