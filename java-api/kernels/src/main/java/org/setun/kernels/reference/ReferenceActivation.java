package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NnOps.Glu;

/** The activations between two products: row by row, what {@link ReferenceNn} and {@link ReferenceTernary} do. */
final class ReferenceActivation {

    private ReferenceActivation() {
    }

    static void rmsNormQuantize(MemorySegment x, @Nullable MemorySegment residual, MemorySegment w, long n, long d, float eps,
            @Nullable MemorySegment h, @Nullable MemorySegment y, @Nullable MemorySegment rstd, MemorySegment q, MemorySegment step,
            MemorySegment sum) {
        float[] gain = Segments.floats(w, 0, n == 0 ? 0 : d);
        for (long i = 0; i < n; i++) {
            float[] row = Segments.floats(x, i * d, d);
            for (int j = 0; residual != null && j < row.length; j++) {
                row[j] += Segments.f32(residual, i * d + j);
            }
            if (h != null) {
                Segments.floats(row, h, i * d);
            }
            float r = FixedMath.rstd(row, eps);
            if (rstd != null) {
                Segments.f32(rstd, i, r);
            }
            round(FixedMath.normalized(row, gain, r), i, y, q, step, sum);
        }
    }

    static void gluQuantize(Glu kind, MemorySegment gate, MemorySegment up, @Nullable MemorySegment w, float eps, long n, long d,
            @Nullable MemorySegment y, MemorySegment q, MemorySegment step, MemorySegment sum) {
        for (long i = 0; i < n; i++) {
            float[] row = Segments.floats(gate, i * d, d);
            for (int j = 0; j < row.length; j++) {
                row[j] = FixedMath.glu(kind, row[j], Segments.f32(up, i * d + j));
            }
            if (w != null) {
                row = FixedMath.normalized(row, Segments.floats(w, 0, d), FixedMath.rstd(row, eps));
            }
            round(row, i, y, q, step, sum);
        }
    }

    private static void round(float[] row, long index, @Nullable MemorySegment y, MemorySegment q, MemorySegment step, MemorySegment sum) {
        if (y != null) {
            Segments.floats(row, y, index * row.length);
        }
        ReferenceTernary.quantizeRow(row, index, q, step, sum);
    }
}
