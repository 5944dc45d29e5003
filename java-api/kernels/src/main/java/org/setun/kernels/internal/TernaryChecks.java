package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.GemmOps;
import org.setun.kernels.PackedLayout;
import org.setun.kernels.TernaryFormat;
import org.setun.kernels.TernaryOps;
import org.setun.kernels.internal.Require.Type;

import static org.setun.kernels.internal.Require.dim;
import static org.setun.kernels.internal.Require.matrix;
import static org.setun.kernels.internal.Require.strided;
import static org.setun.kernels.internal.Require.vector;
import static org.setun.kernels.internal.Require.writable;

/** The arguments of the ternary operations, checked before anything runs; see {@link Checks}. */
public final class TernaryChecks {

    /** Longest row of a product: beyond it an int32 sum of 127s could overflow. */
    public static final long MAX_K = 16_000_000;

    private TernaryChecks() {
    }

    public static void quantize(MemorySegment w, long m, long k, MemorySegment codes, MemorySegment gamma) {
        matrix("w", w, Type.F32, "m", m, "k", k);
        codes(codes, m, k);
        writable("codes", codes);
        scalar("gamma", gamma);
        writable("gamma", gamma);
    }

    public static void quantizePack(MemorySegment w, long m, long k, MemorySegment packed, MemorySegment gamma) {
        matrix("w", w, Type.F32, "m", m, "k", k);
        packed(packed, m, k);
        writable("packed", packed);
        scalar("gamma", gamma);
        writable("gamma", gamma);
    }

    public static void pack(MemorySegment codes, long m, long k, MemorySegment packed) {
        codes(codes, m, k);
        packed(packed, m, k);
        writable("packed", packed);
    }

    public static void unpack(MemorySegment packed, long m, long k, MemorySegment codes) {
        packed(packed, m, k);
        codes(codes, m, k);
        writable("codes", codes);
    }

    public static void expand(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment out) {
        packed(packed, m, k);
        scalar("gamma", gamma);
        matrix("out", out, Type.F32, "m", m, "k", k);
        writable("out", out);
    }

    public static void encode(TernaryFormat format, MemorySegment codes, long m, long k, @Nullable MemorySegment scales,
            MemorySegment data) {
        codes(codes, m, k);
        interchange(format, m, k, scales, data);
        writable("data", data);
    }

    public static void decode(TernaryFormat format, MemorySegment data, long m, long k, MemorySegment codes,
            @Nullable MemorySegment scales) {
        codes(codes, m, k);
        interchange(format, m, k, scales, data);
        writable("codes", codes);
        if (scales != null) {
            writable("scales", scales);
        }
    }

    private static void interchange(TernaryFormat format, long m, long k, @Nullable MemorySegment scales, MemorySegment data) {
        long bytes;
        long count;
        try {
            bytes = format.bytes(m, k);
            count = format.scales(m, k);
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException("m = " + m + ", k = " + k + " overflows 64 bits in " + format, e);
        }
        if (!Require.fits("data", data, Type.I8, bytes)) {
            throw Require.misfit("data", data, Type.I8, bytes, "m = " + m + " rows of k = " + k + " values in " + format);
        }
        if (data.byteSize() != bytes) {
            throw new IllegalArgumentException("data has " + data.byteSize() + " bytes but m = " + m + " rows of k = " + k + " values in "
                    + format + " have exactly " + bytes);
        }
        if (count > 0) {
            if (scales == null) {
                throw new IllegalArgumentException("scales is null but " + format + " carries " + count + " of them");
            }
            vector("scales", scales, Type.F32, "scales", count);
        }
    }

    public static void quantizeRows(MemorySegment x, long n, long k, long ldx, MemorySegment q, MemorySegment step, MemorySegment sum) {
        strided("x", x, Type.F32, "n", n, "k", k, "ldx", ldx);
        codes(n, "k", k, q, step, sum);
    }

    /** Rows of int8 codes with their steps and sums, which are written. */
    static void codes(long n, String lengthName, long length, MemorySegment q, MemorySegment step, MemorySegment sum) {
        shortEnough(lengthName, length);
        matrix("q", q, Type.I8, "n", n, "paddedK", padded(length));
        writable("q", q);
        vector("step", step, Type.F32, "n", n);
        writable("step", step);
        vector("sum", sum, Type.I32, "n", n);
        writable("sum", sum);
    }

    public static void dequantizeRows(MemorySegment q, MemorySegment step, long n, long k, MemorySegment y) {
        matrix("q", q, Type.I8, "n", n, "paddedK", padded(k));
        vector("step", step, Type.F32, "n", n);
        matrix("y", y, Type.F32, "n", n, "k", k);
        writable("y", y);
    }

    public static void densePack(MemorySegment codes, long m, long k, MemorySegment dense) {
        codes(codes, m, k);
        laidOut(PackedLayout.DENSE, "dense", dense, m, k);
        writable("dense", dense);
    }

    public static void denseUnpack(MemorySegment dense, long m, long k, MemorySegment codes) {
        laidOut(PackedLayout.DENSE, "dense", dense, m, k);
        codes(codes, m, k);
        writable("codes", codes);
    }

    public static void gemm(PackedLayout layout, MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment q,
            MemorySegment step,
            MemorySegment sum, long n, @Nullable MemorySegment bias, @Nullable MemorySegment residual, @Nullable MemorySegment y, long ldy,
            @Nullable MemorySegment acc) {
        shortEnough("k", k);
        laidOut(layout, "packed", packed, m, k);
        scalar("gamma", gamma);
        matrix("q", q, Type.I8, "n", n, "paddedK", padded(k));
        vector("step", step, Type.F32, "n", n);
        vector("sum", sum, Type.I32, "n", n);
        if (bias != null) {
            vector("bias", bias, Type.F32, "m", m);
        }
        if (y == null && acc == null) {
            throw new IllegalArgumentException("y and acc are both null: at least one must receive the product");
        }
        if (y == null && residual != null) {
            throw new IllegalArgumentException("residual is given but y is null");
        }
        if (residual != null) {
            strided("residual", residual, Type.F32, "n", n, "m", m, "ldy", ldy);
        }
        if (y != null) {
            strided("y", y, Type.F32, "n", n, "m", m, "ldy", ldy);
            writable("y", y);
        }
        if (acc != null) {
            matrix("acc", acc, Type.I32, "n", n, "m", m);
            writable("acc", acc);
        }
    }

    public static void gemmF32(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment x, long n, long ldx,
            @Nullable MemorySegment bias, MemorySegment y, long ldy) {
        shortEnough("k", k);
        packed(packed, m, k);
        scalar("gamma", gamma);
        strided("x", x, Type.F32, "n", n, "k", k, "ldx", ldx);
        if (bias != null) {
            vector("bias", bias, Type.F32, "m", m);
        }
        strided("y", y, Type.F32, "n", n, "m", m, "ldy", ldy);
        writable("y", y);
    }

    public static void gemmBackward(MemorySegment packed, long m, long k, MemorySegment gamma, GemmOps.Element element, MemorySegment dy,
            long n, long lddy, MemorySegment dx, long lddx) {
        shortEnough("k", k);
        packed(packed, m, k);
        scalar("gamma", gamma);
        if (element == GemmOps.Element.I8) {
            throw new IllegalArgumentException("element = I8 must be F32 or BF16");
        }
        strided("dy", dy, Type.of(element), "n", n, "m", m, "lddy", lddy);
        strided("dx", dx, Type.F32, "n", n, "k", k, "lddx", lddx);
        writable("dx", dx);
    }

    private static void scalar(String name, MemorySegment segment) {
        vector(name, segment, Type.F32, "values", 1);
    }

    private static void codes(MemorySegment codes, long m, long k) {
        matrix("codes", codes, Type.I8, "m", m, "k", k);
    }

    private static void packed(MemorySegment packed, long m, long k) {
        laidOut(PackedLayout.PLANES, "packed", packed, m, k);
    }

    private static void laidOut(PackedLayout layout, String name, MemorySegment packed, long m, long k) {
        dim("m", m);
        padded(k);
        long bytes;
        try {
            bytes = layout.bytes(m, k);
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException("m = " + m + ", k = " + k + " overflows 64 bits", e);
        }
        if (!Require.fits(name, packed, Type.I8, bytes)) {
            throw Require.misfit(name, packed, Type.I8, bytes, "m = " + m + " packed rows of k = " + k + " values");
        }
    }

    private static long padded(long k) {
        dim("k", k);
        if (k > Long.MAX_VALUE - 255) {
            throw new IllegalArgumentException("k = " + k + " overflows 64 bits when padded to a multiple of 256");
        }
        return TernaryOps.paddedK(k);
    }

    private static void shortEnough(String name, long k) {
        if (k > MAX_K) {
            throw new IllegalArgumentException(name + " = " + k + " must be at most " + MAX_K + ", so that int32 sums cannot overflow");
        }
    }
}
