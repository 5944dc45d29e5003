package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.internal.Require.Type;

import static org.setun.kernels.internal.Require.atLeast;
import static org.setun.kernels.internal.Require.matrix;
import static org.setun.kernels.internal.Require.vector;
import static org.setun.kernels.internal.Require.writable;

/** The arguments of the fused activations, checked before anything runs; see {@link Checks}. */
public final class ActivationChecks {

    private ActivationChecks() {
    }

    public static void rmsNormQuantize(MemorySegment x, @Nullable MemorySegment residual, MemorySegment w, long n, long d, float eps,
            @Nullable MemorySegment h, @Nullable MemorySegment y, @Nullable MemorySegment rstd, MemorySegment q, MemorySegment step,
            MemorySegment sum) {
        atLeast(1, "d", d);
        epsilon(eps);
        rows("x", x, n, d);
        if (residual != null) {
            rows("residual", residual, n, d);
        } else if (h != null) {
            throw new IllegalArgumentException("h is given but residual is null");
        }
        vector("w", w, Type.F32, "d", d);
        writtenRows("h", h, n, d);
        writtenRows("y", y, n, d);
        if (rstd != null) {
            vector("rstd", rstd, Type.F32, "n", n);
            writable("rstd", rstd);
        }
        TernaryChecks.codes(n, "d", d, q, step, sum);
    }

    public static void gluQuantize(MemorySegment gate, MemorySegment up, @Nullable MemorySegment w, float eps, long n, long d,
            @Nullable MemorySegment y, MemorySegment q, MemorySegment step, MemorySegment sum) {
        atLeast(w == null ? 0 : 1, "d", d);
        epsilon(eps);
        rows("gate", gate, n, d);
        rows("up", up, n, d);
        if (w != null) {
            vector("w", w, Type.F32, "d", d);
        }
        writtenRows("y", y, n, d);
        TernaryChecks.codes(n, "d", d, q, step, sum);
    }

    private static void epsilon(float eps) {
        if (!(eps >= 0)) {
            throw new IllegalArgumentException("eps = " + eps + " must be at least 0");
        }
    }

    private static void rows(String name, MemorySegment segment, long n, long d) {
        matrix(name, segment, Type.F32, "n", n, "d", d);
    }

    private static void writtenRows(String name, @Nullable MemorySegment segment, long n, long d) {
        if (segment != null) {
            rows(name, segment, n, d);
            writable(name, segment);
        }
    }
}
