package org.setun.quant;

import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;

/**
 * Quantizes a weight F32[m][k] and writes the values that its codes stand for, with the quantizer's gradient: for analysis and for layers
 * without a kernel of their own. {@link org.setun.nn.BitLinear} computes on the codes instead.
 *
 * @param quantizer what rounds
 * @param enabled   false: the output equals the input, bit for bit
 */
public record FakeQuantWeight(WeightQuantizer quantizer, boolean enabled) implements Function {

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor w = inputs[0].require("w", DType.F32, -1, -1);
        if (!enabled) {
            return new Tensor[]{w.reshape(w.rows(), w.columns())};
        }
        Backend backend = context.backend();
        QuantizedWeight quantized = quantizer.allocate(context.allocator(), w.rows(), w.columns());
        quantizer.quantize(backend, w, quantized);
        Tensor values = context.allocate(DType.F32, w.shape());
        quantized.expand(backend, values);
        context.save(quantized);
        return new Tensor[]{values};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor gradient = outputGradients[0];
        if (gradient != null && enabled && !quantizer.isStraightThrough()) {
            gradient = context.exclusive(gradient);
            quantizer.backward(context.backend(), context.input(0), context.saved(0, QuantizedWeight.class), gradient);
        }
        return new Tensor[]{gradient};
    }
}
