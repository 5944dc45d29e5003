package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.ActivationOps;
import org.setun.kernels.NnOps.Glu;
import org.setun.kernels.TernaryOps;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** The functions of {@code setun/activation.h}. */
public final class NativeActivation implements ActivationOps {

    private static final Struct RMSNORM_ARGS = Downcalls.struct("setun_rmsnorm_quantize_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("n"), JAVA_LONG.withName("d"), ADDRESS.withName("x"), ADDRESS.withName("residual"), ADDRESS.withName("w"),
            JAVA_FLOAT.withName("eps"), JAVA_INT.withName("reserved"), ADDRESS.withName("h"), ADDRESS.withName("y"),
            ADDRESS.withName("rstd"), ADDRESS.withName("q"), JAVA_LONG.withName("ldq"), ADDRESS.withName("step"), ADDRESS.withName("sum"));
    private static final Struct GLU_ARGS = Downcalls.struct("setun_glu_quantize_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("n"), JAVA_LONG.withName("d"), ADDRESS.withName("gate"), ADDRESS.withName("up"), JAVA_INT.withName("kind"),
            JAVA_FLOAT.withName("eps"), ADDRESS.withName("w"), ADDRESS.withName("y"), ADDRESS.withName("q"), JAVA_LONG.withName("ldq"),
            ADDRESS.withName("step"), ADDRESS.withName("sum"));
    private static final Operation RMSNORM_QUANTIZE = Downcalls.described("setun_rmsnorm_quantize");
    private static final Operation GLU_QUANTIZE = Downcalls.described("setun_glu_quantize");

    private final NativeContext context;

    public NativeActivation(NativeContext context) {
        this.context = context;
    }

    @Override
    public void rmsNormQuantize(MemorySegment x, @Nullable MemorySegment residual, MemorySegment w, long n, long d, float eps,
            @Nullable MemorySegment h, @Nullable MemorySegment y, @Nullable MemorySegment rstd, MemorySegment q, MemorySegment step,
            MemorySegment sum) {
        ActivationChecks.rmsNormQuantize(x, residual, w, n, d, eps, h, y, rstd, q, step, sum);
        context.call(RMSNORM_QUANTIZE, Arguments.begin(RMSNORM_ARGS).i64(n).i64(d).pointer(x).pointer(residual).pointer(w).f32(eps).i32(0)
                .pointer(h).pointer(y).pointer(rstd).pointer(q).i64(TernaryOps.paddedK(d)).pointer(step).pointer(sum));
    }

    @Override
    public void gluQuantize(Glu kind, MemorySegment gate, MemorySegment up, @Nullable MemorySegment w, float eps, long n, long d,
            @Nullable MemorySegment y, MemorySegment q, MemorySegment step, MemorySegment sum) {
        ActivationChecks.gluQuantize(gate, up, w, eps, n, d, y, q, step, sum);
        context.call(GLU_QUANTIZE, Arguments.begin(GLU_ARGS).i64(n).i64(d).pointer(gate).pointer(up).i32(kind.ordinal()).f32(eps).pointer(w)
                .pointer(y).pointer(q).i64(TernaryOps.paddedK(d)).pointer(step).pointer(sum));
    }
}
