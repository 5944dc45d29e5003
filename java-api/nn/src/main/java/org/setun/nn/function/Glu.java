package org.setun.nn.function;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NnOps;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/**
 * Gated linear unit (arXiv 2002.05202): {@code y = act(gate) * up}. Inputs: {@code gate} and {@code up}, F32[n][d].
 *
 * @param activation of the gate
 */
public record Glu(NnOps.Glu activation) implements Function {

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor gate = inputs[0].require("gate", DType.F32, -1, -1);
        Tensor up = inputs[1].require("up", DType.F32, gate.rows(), gate.columns());
        Tensor y = context.borrow(DType.F32, gate.shape()); // may be discarded: backward reads the inputs
        context.backend().gluForward(activation, gate.segment(), up.segment(), gate.rows(), gate.columns(), y.segment());
        return new Tensor[]{y};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor dy = Objects.requireNonNull(outputGradients[0]);
        Tensor gate = context.input(0);
        Tensor up = context.input(1);
        Tensor dgate = context.borrow(DType.F32, gate.shape());
        Tensor dup = context.borrow(DType.F32, up.shape());
        context.backend().gluBackward(activation, gate.segment(), up.segment(), dy.segment(), gate.rows(), gate.columns(), dgate.segment(),
                dup.segment());
        return new Tensor[]{dgate, dup};
    }
}
