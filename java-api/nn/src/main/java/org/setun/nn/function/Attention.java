package org.setun.nn.function;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NnOps;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Precision;
import org.setun.nn.Tensor;

/**
 * Causal attention with grouped queries (arXiv 2305.13245), scale {@code 1/sqrt(headDim)}. Inputs: {@code q} F32[batch*t][heads*headDim],
 * {@code k} and {@code v} F32[batch*t][kvHeads*headDim]; output like {@code q}. No {@code t*t} matrix is kept: backward recomputes scores
 * from the saved log-sum-exp (arXiv 2205.14135). The tape's {@link Precision} holds for the products of both.
 *
 * @param batch   sequences
 * @param t       tokens per sequence
 * @param heads   query heads, a multiple of {@code kvHeads}
 * @param kvHeads key and value heads
 * @param headDim values per head
 */
public record Attention(long batch, long t, long heads, long kvHeads, long headDim) implements Function {

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor q = inputs[0].require("q", DType.F32, batch * t, heads * headDim);
        Tensor k = inputs[1].require("k", DType.F32, batch * t, kvHeads * headDim);
        Tensor v = inputs[2].require("v", DType.F32, batch * t, kvHeads * headDim);
        Tensor out = context.allocate(DType.F32, q.shape());
        Tensor lse = context.recording() ? context.allocate(DType.F32, batch, heads, t) : null;
        context.backend().attentionForward(geometry(context), q.segment(), k.segment(), v.segment(), out.segment(),
                lse == null ? null : lse.segment());
        if (lse != null) {
            context.save(out, lse);
        }
        return new Tensor[]{out};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor dout = Objects.requireNonNull(outputGradients[0]);
        Tensor q = context.input(0);
        Tensor k = context.input(1);
        Tensor v = context.input(2);
        Tensor dq = context.borrow(DType.F32, q.shape());
        Tensor dk = context.borrow(DType.F32, k.shape());
        Tensor dv = context.borrow(DType.F32, v.shape());
        context.backend().attentionBackward(geometry(context), q.segment(), k.segment(), v.segment(), context.saved(0).segment(),
                context.saved(1).segment(), dout.segment(), dq.segment(), dk.segment(), dv.segment());
        return new Tensor[]{dq, dk, dv};
    }

    private NnOps.Attention geometry(FunctionContext context) {
        float scale = (float) (1 / Math.sqrt(headDim));
        NnOps.Precision precision = context.precision() == Precision.BF16 ? NnOps.Precision.BF16 : NnOps.Precision.F32;
        return new NnOps.Attention(batch, t, t, heads, kvHeads, headDim, scale, heads * headDim, kvHeads * headDim, 0, precision);
    }
}
