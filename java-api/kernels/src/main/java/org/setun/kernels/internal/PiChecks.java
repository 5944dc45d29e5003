package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.PiGrid;
import org.setun.kernels.internal.Require.Type;

import static org.setun.kernels.internal.Require.matrix;
import static org.setun.kernels.internal.Require.strided;
import static org.setun.kernels.internal.Require.vector;
import static org.setun.kernels.internal.Require.writable;

/** The arguments of the pi formats, checked before anything runs; see {@link Checks}. */
public final class PiChecks {

    private PiChecks() {
    }

    public static void quantize(PiGrid grid, MemorySegment x, long n, long k, long ldx, @Nullable MemorySegment importance,
            long importanceStride, MemorySegment blocks) {
        blocks(grid, n, k, blocks);
        writable("blocks", blocks);
        strided("x", x, Type.F32, "n", n, "k", k, "ldx", ldx);
        if (importance == null) {
            return;
        }
        if (importanceStride == 0) {
            vector("importance", importance, Type.F32, "k", k);
        } else {
            strided("importance", importance, Type.F32, "n", n, "k", k, "importanceStride", importanceStride);
        }
    }

    public static void dequantize(PiGrid grid, MemorySegment blocks, long n, long k, MemorySegment y, long ldy) {
        blocks(grid, n, k, blocks);
        strided("y", y, Type.F32, "n", n, "k", k, "ldy", ldy);
        writable("y", y);
    }

    private static void blocks(PiGrid grid, long n, long k, MemorySegment blocks) {
        Require.dim("k", k);
        if (k % PiGrid.BLOCK != 0) {
            throw new IllegalArgumentException("k = " + k + " must be a multiple of " + PiGrid.BLOCK);
        }
        matrix("blocks", blocks, Type.I8, "n", n, "bytes per row", Require.values(k / PiGrid.BLOCK, grid.blockBytes(), 0));
    }
}
