package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.BlockOps;
import org.setun.kernels.internal.Require.Type;

import static org.setun.kernels.internal.Require.dim;
import static org.setun.kernels.internal.Require.matrix;
import static org.setun.kernels.internal.Require.strided;
import static org.setun.kernels.internal.Require.vector;
import static org.setun.kernels.internal.Require.writable;

/** The arguments of the operations on blocks, checked before anything runs; see {@link Checks}. */
public final class BlockChecks {

    private BlockChecks() {
    }

    public static void quantize(MemorySegment x, long n, long k, long ldx, MemorySegment q, MemorySegment step, MemorySegment sum) {
        strided("x", x, Type.F32, "n", n, "k", shortEnough(k), "ldx", ldx);
        activations(n, k, q, step, sum);
        writable("q", q);
        writable("step", step);
        writable("sum", sum);
    }

    public static void pack(BlockFormat format, int parameter, MemorySegment data, long m, long k, MemorySegment packed) {
        packed(format, packed, m, k);
        writable("packed", packed);
        if (parameter < 0 || parameter > format.mostParameter()) {
            throw new IllegalArgumentException(
                    "parameter = " + parameter + " must be in [0, " + format.mostParameter() + "] in " + format);
        }
        long bytes = format.bytes(m, k);
        if (!Require.fits("data", data, Type.I8, bytes)) {
            throw Require.misfit("data", data, Type.I8, bytes, "m = " + m + " rows of k = " + k + " values in " + format);
        }
        if (data.byteSize() != bytes) {
            throw new IllegalArgumentException("data has " + data.byteSize() + " bytes but m = " + m + " rows of k = " + k + " values in "
                    + format + " have exactly " + bytes);
        }
    }

    public static void expand(BlockFormat format, MemorySegment packed, long m, long k, long row, long rows, MemorySegment out) {
        packed(format, packed, m, k);
        if (dim("row", row) > m - dim("rows", rows)) {
            throw new IllegalArgumentException("row = " + row + " and rows = " + rows + " must lie in m = " + m + " rows");
        }
        matrix("out", out, Type.F32, "rows", rows, "k", k);
        writable("out", out);
    }

    public static void gemm(BlockFormat format, MemorySegment packed, long m, long k, MemorySegment q, MemorySegment step,
            MemorySegment sum, long n, @Nullable MemorySegment bias, @Nullable MemorySegment residual, MemorySegment y, long ldy) {
        packed(format, packed, m, k);
        activations(n, k, q, step, sum);
        output(m, n, bias, y, ldy);
        if (residual != null) {
            strided("residual", residual, Type.F32, "n", n, "m", m, "ldy", ldy);
        }
    }

    public static void gemmF32(BlockFormat format, MemorySegment packed, long m, long k, MemorySegment x, long n, long ldx,
            @Nullable MemorySegment bias, MemorySegment y, long ldy) {
        packed(format, packed, m, k);
        strided("x", x, Type.F32, "n", n, "k", k, "ldx", ldx);
        output(m, n, bias, y, ldy);
    }

    private static void output(long m, long n, @Nullable MemorySegment bias, MemorySegment y, long ldy) {
        if (bias != null) {
            vector("bias", bias, Type.F32, "m", m);
        }
        strided("y", y, Type.F32, "n", n, "m", m, "ldy", ldy);
        writable("y", y);
    }

    private static void activations(long n, long k, MemorySegment q, MemorySegment step, MemorySegment sum) {
        long blocks = BlockOps.blocks(k);
        matrix("q", q, Type.I8, "n", n, "paddedK", BlockOps.BLOCK * blocks);
        matrix("step", step, Type.F32, "n", n, "blocks", blocks);
        matrix("sum", sum, Type.I32, "n", n, "sums", BlockOps.BLOCK_SUMS * blocks);
    }

    private static void packed(BlockFormat format, MemorySegment packed, long m, long k) {
        dim("m", m);
        shortEnough(k);
        long bytes;
        try {
            bytes = format.packedBytes(m, k);
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException("m = " + m + ", k = " + k + " overflows 64 bits", e);
        }
        if (!Require.fits("packed", packed, Type.I8, bytes)) {
            throw Require.misfit("packed", packed, Type.I8, bytes, "m = " + m + " packed rows of k = " + k + " values in " + format);
        }
    }

    private static long shortEnough(long k) {
        if (dim("k", k) > TernaryChecks.MAX_K) {
            throw new IllegalArgumentException("k = " + k + " must be at most " + TernaryChecks.MAX_K);
        }
        return k;
    }
}
