package org.setun.nn.function;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/**
 * Root-mean-square norm (arXiv 1910.07467): {@code y = x / sqrt(mean(x^2) + eps) * w}. Inputs: {@code x} F32[n][g*d], {@code w} F32[d]:
 * with g > 1, every run of d values of a row has a norm of its own (the heads of Qwen 3).
 */
public final class RmsNormFunction implements Function {

    private final float eps;

    public RmsNormFunction(float eps) {
        if (!(eps > 0) || Float.isInfinite(eps)) {
            throw new IllegalArgumentException("eps = " + eps + " must be > 0 and finite");
        }
        this.eps = eps;
    }

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor x = inputs[0].require("x", DType.F32, -1, -1);
        Tensor w = inputs[1].require("w", DType.F32, -1);
        if (w.size() == 0 || x.columns() % w.size() != 0) {
            throw new IllegalArgumentException("w is " + w + ", its length must divide the rows of x, " + x);
        }
        long norms = x.size() / w.size();
        Tensor y = context.borrow(DType.F32, x.shape()); // may be discarded: backward reads x
        Tensor rstd = context.recording() ? context.allocate(DType.F32, norms) : null;
        context.backend().rmsNormForward(x.segment(), w.segment(), norms, w.size(), eps, y.segment(),
                rstd == null ? null : rstd.segment());
        if (rstd != null) {
            context.save(rstd);
        }
        return new Tensor[]{y};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor dy = Objects.requireNonNull(outputGradients[0]);
        Tensor x = context.input(0);
        long d = context.input(1).size();
        Tensor dw = context.needsGradient(1) ? context.accumulator(1) : null;
        boolean wanted = context.needsGradient(0);
        FunctionContext.Sink sink = wanted ? context.sink(0) : new FunctionContext.Sink(context.borrow(DType.F32, x.shape()), false);
        context.backend().rmsNormBackward(x.segment(), context.input(1).segment(), context.saved(0).segment(), dy.segment(), x.size() / d,
                d, sink.tensor().segment(), sink.accumulate(), dw == null ? null : dw.segment());
        if (!wanted) {
            context.giveBack(sink.tensor());
        }
        return new Tensor[2];
    }
}
