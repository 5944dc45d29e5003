package org.setun.nn.function;

import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;
import org.setun.nn.DType;
import org.setun.nn.FunctionContext;
import org.setun.nn.Tensor;

/** What functions with one number as their output share: the gradient of the input is computed with the output. */
final class Scalars {

    private Scalars() {
    }

    /** The output F64[1]; {@code gradient}, borrowed or null, is kept for {@link #saved}, or given back if nobody will ask. */
    static Tensor[] output(FunctionContext context, double value, @Nullable Tensor gradient) {
        if (gradient != null && context.recording()) {
            context.save(gradient);
        } else if (gradient != null) {
            context.giveBack(gradient);
        }
        Tensor output = context.allocate(DType.F64, 1);
        output.segment().set(ValueLayout.JAVA_DOUBLE, 0, value);
        return new Tensor[]{output};
    }

    /** The saved gradient times that of the output. */
    static Tensor saved(FunctionContext context, Tensor outputGradient) {
        Tensor gradient = context.saved(0);
        float factor = (float) outputGradient.item();
        if (factor != 1) {
            context.backend().axpby(factor, gradient.segment(), 0, gradient.segment(), gradient.size());
        }
        return gradient;
    }

    /** The sum of an F32 tensor. */
    static double sum(FunctionContext context, Tensor values) {
        Tensor sum = context.borrow(DType.F64, 1);
        context.backend().sum(values.segment(), values.size(), sum.segment());
        double result = sum.item();
        context.giveBack(sum);
        return result;
    }

    /** The sum of the squares of an F32 tensor. */
    static double sumSquares(FunctionContext context, Tensor values) {
        Tensor sum = context.borrow(DType.F64, 1);
        context.backend().sumSquares(values.segment(), values.size(), sum.segment());
        double result = sum.item();
        context.giveBack(sum);
        return result;
    }
}
