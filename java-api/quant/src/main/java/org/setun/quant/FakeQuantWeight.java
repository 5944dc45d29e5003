package org.setun.quant;

import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.LearnedScaleQuantizer;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;

/**
 * Quantizes a weight F32[m][k] and writes the values that its codes stand for, with the quantizer's gradient: for analysis and for layers
 * without a kernel of their own. {@link org.setun.nn.BitLinear} computes on the codes instead.
 *
 * <p>A second input holds the scales of a {@link LearnedScaleQuantizer}; without it they are the first ones.
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
        if (inputs.length == 2 && quantizer instanceof LearnedScaleQuantizer learned) {
            learned.quantize(backend, w, inputs[1], quantized);
        } else {
            quantizer.quantize(backend, w, quantized);
        }
        Tensor values = context.allocate(DType.F32, w.shape());
        quantized.expand(backend, values);
        context.save(quantized);
        return new Tensor[]{values};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor gradient = outputGradients[0];
        if (gradient != null && enabled && quantizer instanceof LearnedScaleQuantizer learned && context.inputCount() == 2) {
            Tensor scales = context.input(1);
            Tensor scaleGradient = context.borrow(DType.F32, scales.shape());
            scaleGradient.clear();
            gradient = context.exclusive(gradient);
            learned.backward(context.backend(), context.input(0), scales, gradient, scaleGradient);
            return new Tensor[]{gradient, scaleGradient};
        }
        if (gradient != null && enabled && !quantizer.isStraightThrough()) {
            gradient = context.exclusive(gradient);
            quantizer.backward(context.backend(), context.input(0), context.saved(0, QuantizedWeight.class), gradient);
        }
        return context.inputCount() == 2 ? new Tensor[]{gradient, null} : new Tensor[]{gradient};
    }
}
