package org.setun.nn.function;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/** Rows of a table: {@code y[i] = table[ids[i]]}. Inputs: {@code table} F32[vocab][d], {@code ids} I32[n] in [0, vocab). */
public final class EmbeddingFunction implements Function {

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor table = inputs[0].require("table", DType.F32, -1, -1);
        Tensor ids = inputs[1].require("ids", DType.I32, -1);
        Tensor y = context.allocate(DType.F32, ids.size(), table.columns());
        context.backend().embeddingForward(ids.segment(), ids.size(), table.segment(), table.rows(), table.columns(), y.segment());
        return new Tensor[]{y};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor dy = Objects.requireNonNull(outputGradients[0]);
        Tensor table = context.input(0);
        Tensor ids = context.input(1);
        context.backend().embeddingBackward(ids.segment(), ids.size(), dy.segment(), table.rows(), table.columns(),
                context.accumulator(0).segment());
        return new Tensor[2];
    }
}
