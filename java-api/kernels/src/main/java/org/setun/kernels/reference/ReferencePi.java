package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiScaling;

/** Rows of {@link PiBlocks}. */
final class ReferencePi {

    private ReferencePi() {
    }

    static void quantize(PiGrid grid, PiScaling scaling, MemorySegment x, long n, long k, long ldx, @Nullable MemorySegment importance,
            long importanceStride, MemorySegment blocks) {
        byte[] codes = new byte[PiGrid.BLOCK];
        for (long row = 0; row < n; row++) {
            for (long column = 0; column < k; column += PiGrid.BLOCK) {
                float[] values = Segments.floats(x, row * ldx + column, PiGrid.BLOCK);
                float[] weights = importance == null ? null : Segments.floats(importance, row * importanceStride + column, PiGrid.BLOCK);
                float step = PiBlocks.step(values, 0, weights, grid, scaling);
                for (int i = 0; i < codes.length; i++) {
                    codes[i] = (byte) PiBlocks.code(values[i], step, grid);
                }
                PiBlocks.write(codes, step, grid, blocks, (row * k + column) / PiGrid.BLOCK * grid.blockBytes());
            }
        }
    }

    static void dequantize(PiGrid grid, MemorySegment blocks, long n, long k, MemorySegment y, long ldy) {
        float[] values = new float[PiGrid.BLOCK];
        for (long row = 0; row < n; row++) {
            for (long column = 0; column < k; column += PiGrid.BLOCK) {
                PiBlocks.decode(blocks, (row * k + column) / PiGrid.BLOCK * grid.blockBytes(), grid, values, 0);
                Segments.floats(values, y, row * ldy + column);
            }
        }
    }
}
