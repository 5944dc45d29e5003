package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Activation;
import org.setun.kernels.GemmOps;
import org.setun.kernels.PackedLayout;
import org.setun.kernels.TernaryOps;

import static org.setun.kernels.reference.Segments.f32;
import static org.setun.kernels.reference.Segments.i32;
import static org.setun.kernels.reference.Segments.i8;

/** Absmean weights, absmax activations (BitNet b1.58, arXiv 2402.17764) and their products. */
final class ReferenceTernary {

    private static final float FLOOR = 1e-5f;

    private ReferenceTernary() {
    }

    /** max(mean |w|, 1e-5); NaN if a value or a lane is not finite. */
    static float absmean(MemorySegment w, long count) {
        if (count == 0) {
            return FLOOR;
        }
        double sum = FixedSums.absolute(w, count);
        return Double.isFinite(sum) ? Math.max((float) (sum / count), FLOOR) : Float.NaN;
    }

    static void quantize(MemorySegment w, long m, long k, MemorySegment codes, MemorySegment gamma) {
        float scale = absmean(w, m * k);
        float inverse = 1f / scale;
        for (long i = 0; i < m * k; i++) {
            double rounded = Math.rint(f32(w, i) * inverse);
            i8(codes, i, Float.isNaN(scale) ? 0 : (int) Math.clamp(rounded, -1, 1));
        }
        f32(gamma, 0, scale);
    }

    static void expand(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment out) {
        float scale = f32(gamma, 0);
        TernaryLayout layout = TernaryLayout.planesOf64(k);
        for (long row = 0; row < m; row++) {
            for (long column = 0; column < k; column++) {
                f32(out, row * k + column, scale * layout.code(packed, row, column));
            }
        }
    }

    static void quantizeRows(MemorySegment x, long n, long k, long ldx, MemorySegment q, MemorySegment step, MemorySegment sum) {
        for (long t = 0; t < n; t++) {
            quantizeRow(Segments.floats(x, t * ldx, k), t, q, step, sum);
        }
    }

    /** The values of row {@code t} to its codes, step and sum. */
    static void quantizeRow(float[] row, long t, MemorySegment q, MemorySegment step, MemorySegment sum) {
        Rounded rounded = round(row);
        Segments.bytes(rounded.codes, q, t * rounded.codes.length);
        f32(step, t, rounded.step);
        i32(sum, t, rounded.sum);
    }

    /** Codes, padded to a multiple of 256 with zeros, their step and their sum. */
    record Rounded(byte[] codes, float step, int sum) {
    }

    static Rounded round(float[] row) {
        byte[] codes = new byte[Math.toIntExact(TernaryOps.paddedK(row.length))];
        float absmax = FLOOR;
        for (float value : row) {
            absmax = Math.max(absmax, Math.abs(value)); // NaN wins
        }
        if (!Float.isFinite(absmax)) {
            return new Rounded(codes, Float.NaN, 0);
        }
        int total = 0;
        float scale = 127f / absmax;
        for (int i = 0; i < row.length; i++) {
            codes[i] = (byte) Math.rint(row[i] * scale);
            total += codes[i];
        }
        return new Rounded(codes, absmax / 127f, total);
    }

    static void dequantizeRows(MemorySegment q, MemorySegment step, long n, long k, MemorySegment y) {
        long kp = TernaryOps.paddedK(k);
        for (long t = 0; t < n; t++) {
            for (long i = 0; i < k; i++) {
                f32(y, t * k + i, i8(q, t * kp + i) * f32(step, t));
            }
        }
    }

    static void gemm(PackedLayout layout, MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment q, MemorySegment step,
            long n,
            @Nullable MemorySegment bias, Activation activation, @Nullable MemorySegment residual, @Nullable MemorySegment y, long ldy,
            @Nullable MemorySegment acc) {
        long kp = TernaryOps.paddedK(k);
        byte[][] rows = new byte[Math.toIntExact(n)][];
        for (int t = 0; t < n; t++) {
            rows[t] = Segments.bytes(q, t * kp, k);
        }
        for (long o = 0; o < m; o++) {
            byte[] codes = codes(layout, packed, o, k);
            for (int t = 0; t < n; t++) {
                int dot = 0;
                for (int i = 0; i < codes.length; i++) {
                    dot += rows[t][i] * codes[i];
                }
                if (acc != null) {
                    i32(acc, t * m + o, dot);
                }
                if (y != null) {
                    float value = (float) dot * (f32(gamma, 0) * f32(step, t));
                    value = activation.apply(bias == null ? value : value + f32(bias, o));
                    value = residual == null ? value : value + f32(residual, t * ldy + o);
                    f32(y, t * ldy + o, value);
                }
            }
        }
    }

    static void gemmF32(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment x, long n, long ldx,
            @Nullable MemorySegment bias, MemorySegment y, long ldy) {
        float[][] rows = new float[Math.toIntExact(n)][];
        for (int t = 0; t < n; t++) {
            rows[t] = Segments.floats(x, t * ldx, k);
        }
        for (long o = 0; o < m; o++) {
            byte[] codes = codes(PackedLayout.PLANES, packed, o, k);
            for (int t = 0; t < n; t++) {
                double dot = 0;
                for (int i = 0; i < codes.length; i++) {
                    dot += (double) rows[t][i] * codes[i];
                }
                double value = dot * f32(gamma, 0);
                f32(y, t * ldy + o, (float) (bias == null ? value : value + f32(bias, o)));
            }
        }
    }

    static void gemmBackward(MemorySegment packed, long m, long k, MemorySegment gamma, GemmOps.Element element, MemorySegment dy, long n,
            long lddy, float beta, MemorySegment dx, long lddx) {
        double[][] sums = new double[Math.toIntExact(n)][Math.toIntExact(k)];
        for (long o = 0; o < m; o++) {
            byte[] codes = codes(PackedLayout.PLANES, packed, o, k);
            for (int t = 0; t < n; t++) {
                double gradient = Bf16.round(ReferenceGemm.element(element, dy, t * lddy + o));
                for (int i = 0; i < codes.length; i++) {
                    sums[t][i] += gradient * codes[i];
                }
            }
        }
        for (int t = 0; t < n; t++) {
            for (int i = 0; i < k; i++) {
                long at = t * lddx + i;
                double value = m == 0 ? 0 : sums[t][i] * f32(gamma, 0);
                f32(dx, at, (float) (beta == 0 ? value : value + (double) beta * f32(dx, at)));
            }
        }
    }

    private static byte[] codes(PackedLayout layout, MemorySegment packed, long row, long k) {
        TernaryLayout planes = TernaryLayout.planesOf64(k);
        byte[] codes = new byte[Math.toIntExact(k)];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) (layout == PackedLayout.DENSE ? DenseTiles.code(packed, k, row, i) : planes.code(packed, row, i));
        }
        return codes;
    }
}
