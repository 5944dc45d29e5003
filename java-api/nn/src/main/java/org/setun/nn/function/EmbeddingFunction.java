package org.setun.nn.function;

import java.util.Objects;
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
 * Rows of a table: {@code y[i] = table[ids[i]]}, of the values that its codes stand for if it is quantized. Inputs: {@code table} F32[vocab][d],
 * {@code ids} I32[n] in [0, vocab); the learned scales of the table if its quantizer has some.
 *
 * @param weight how the table takes part
 */
public record EmbeddingFunction(LinearFunction.Weight weight) implements Function {

    /** A table in fp32. */
    public EmbeddingFunction() {
        this(LinearFunction.Weight.PLAIN);
    }

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor table = inputs[0].require("table", DType.F32, -1, -1);
        Tensor ids = inputs[1].require("ids", DType.I32, -1);
        Tensor y = context.allocate(DType.F32, ids.size(), table.columns());
        QuantizedWeight quantized = weight.quantized();
        Tensor values = quantized == null ? table : quantized.values();
        boolean expanded = values == null;
        if (quantized != null && values == null) {
            values = context.borrow(DType.F32, table.shape());
            quantized.expand(context.backend(), values);
        }
        context.backend().embeddingForward(ids.segment(), ids.size(), Objects.requireNonNull(values).segment(), table.rows(),
                table.columns(),
                y.segment());
        if (expanded) {
            context.giveBack(values);
        }
        return new Tensor[]{y};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor dy = Objects.requireNonNull(outputGradients[0]);
        Tensor table = context.input(0);
        Tensor ids = context.input(1);
        @Nullable
        Tensor[] gradients = new Tensor[context.inputCount()];
        Backend backend = context.backend();
        WeightQuantizer quantizer = weight.quantizer();
        QuantizedWeight quantized = weight.quantized();
        if (quantized == null || quantizer == null || quantizer.isStraightThrough()) {
            add(backend, ids, dy, context.accumulator(0));
            return gradients;
        }
        Tensor gradient = context.borrow(DType.F32, table.shape());
        gradient.clear();
        add(backend, ids, dy, gradient);
        if (quantizer instanceof LearnedScaleQuantizer learned) {
            learned.backward(backend, table, context.input(2), gradient, context.accumulator(2));
        } else {
            quantizer.backward(backend, table, quantized, gradient);
        }
        FunctionContext.Sink sink = context.sink(0);
        backend.axpby(1, gradient.segment(), sink.beta(), sink.tensor().segment(), gradient.size());
        context.giveBack(gradient);
        return gradients;
    }

    private static void add(Backend backend, Tensor ids, Tensor dy, Tensor sums) {
        backend.embeddingBackward(ids.segment(), ids.size(), dy.segment(), sums.rows(), sums.columns(), sums.segment());
    }
}
