package org.setun.quant;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.QuantizedRows;
import org.setun.nn.Tensor;

/**
 * Quantizes the rows of an activation F32[n][k] and writes the values that the codes stand for; the gradient is the
 * quantizer's. Further inputs: the values of the quantizer's {@linkplain ActivationQuantizer#parameters parameters}, if it has some.
 *
 * @param quantizer what rounds
 * @param enabled   false: the output equals the input, bit for bit
 */
public record FakeQuantRows(ActivationQuantizer quantizer, boolean enabled) implements Function {

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor x = inputs[0].require("x", DType.F32, -1, -1);
        if (!enabled) {
            return new Tensor[]{x.reshape(x.rows(), x.columns())};
        }
        QuantizedRows rows = quantizer.quantize(context.backend(), x, context.allocator());
        Tensor values = context.allocate(DType.F32, x.shape());
        quantizer.dequantize(context.backend(), rows, values);
        context.save(rows);
        return new Tensor[]{values};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor dy = Objects.requireNonNull(outputGradients[0]);
        @Nullable
        Tensor[] gradients = new Tensor[context.inputCount()];
        gradients[0] = dy;
        if (!enabled || quantizer.isStraightThrough()) {
            return gradients;
        }
        gradients[0] = context.exclusive(dy);
        List<Tensor> learned = new ArrayList<>();
        for (int i = 1; i < gradients.length; i++) {
            Tensor zeros = context.borrow(DType.F32, context.input(i).shape());
            zeros.clear();
            learned.add(zeros);
            gradients[i] = zeros;
        }
        quantizer.backward(context.backend(), context.input(0), context.saved(0, QuantizedRows.class), gradients[0], learned);
        return gradients;
    }
}
