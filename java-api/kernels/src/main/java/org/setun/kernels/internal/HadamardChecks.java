package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.HadamardFactors;
import org.setun.kernels.HadamardOps;
import org.setun.kernels.internal.Require.Type;

/** The arguments of {@link HadamardOps}, checked before anything runs; see {@link Checks}. */
public final class HadamardChecks {

    private HadamardChecks() {
    }

    public static void signs(long n, MemorySegment signs) {
        Require.dim("n", n);
        Require.vector("signs", signs, Type.I8, "(n + 7) / 8", HadamardOps.signBytes(n));
        Require.writable("signs", signs);
    }

    public static void transform(Element element, MemorySegment x, long ldx, @Nullable MemorySegment signs, long rows, long n,
            MemorySegment y, long ldy) {
        if (element == Element.I8) {
            throw new IllegalArgumentException("element = I8 must be F32 or BF16");
        }
        length(n);
        Type type = Type.of(element);
        Require.strided("x", x, type, "rows", rows, "n", n, "ldx", ldx);
        readSigns(signs, n);
        Require.strided("y", y, type, "rows", rows, "n", n, "ldy", ldy);
        Require.writable("y", y);
        if (x.address() == y.address() && ldx != ldy) {
            throw new IllegalArgumentException("ldy = " + ldy + " must be ldx = " + ldx + " where y is x");
        }
    }

    public static void quantize(MemorySegment x, long ldx, @Nullable MemorySegment signs, long rows, long n, @Nullable MemorySegment y,
            MemorySegment q, MemorySegment step, MemorySegment sum) {
        length(n);
        Require.strided("x", x, Type.F32, "rows", rows, "n", n, "ldx", ldx);
        readSigns(signs, n);
        if (y != null) {
            Require.matrix("y", y, Type.F32, "rows", rows, "n", n);
            Require.writable("y", y);
            if (x.address() == y.address() && ldx != n) {
                throw new IllegalArgumentException("ldx = " + ldx + " must be n = " + n + " where y is x");
            }
        }
        TernaryChecks.codes(rows, "n", n, q, step, sum);
    }

    private static void length(long n) {
        if (n < 1 || n > HadamardFactors.MAX_N) {
            throw new IllegalArgumentException("n = " + n + " must be in 1 .. " + HadamardFactors.MAX_N);
        }
    }

    private static void readSigns(@Nullable MemorySegment signs, long n) {
        if (signs != null) {
            Require.vector("signs", signs, Type.I8, "(n + 7) / 8", HadamardOps.signBytes(n));
        }
    }
}
