package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiScaling;

/** Weights to blocks of pi-q3: reads fp32; with one step for each block, or with the best of 32 of either sign. */
final class PiQuantize implements Kernel {

    private static final PiGrid GRID = PiGrid.uniform(3);

    private final boolean searched;

    PiQuantize(boolean searched) {
        this.searched = searched;
    }

    @Override
    public String name() {
        return searched ? "pi_quantize_search" : "pi_quantize";
    }

    @Override
    public boolean dependsOnRows() {
        return false;
    }

    private PiScaling scaling() {
        float[] factors = new float[searched ? 32 : 1];
        for (int c = 0; c < factors.length; c++) {
            factors[c] = (float) Math.pow(2, -c / 12.0) / 4;
        }
        return new PiScaling(PiScaling.Base.ABSMAX, searched, factors);
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        NativeBackend backend = operands.backend();
        PiScaling scaling = scaling();
        long m = shape.m();
        long k = shape.k() / PiGrid.BLOCK * PiGrid.BLOCK;
        long bytes = m * k * Float.BYTES;
        int copies = Operands.copies(bytes, setBytes);
        MemorySegment x = operands.set(bytes, copies);
        MemorySegment.copy(operands.gaussian(m * k), 0, x, 0, bytes);
        Operands.repeat(x, bytes);
        MemorySegment blocks = operands.bytes(m * k / PiGrid.BLOCK * GRID.blockBytes());
        backend.piQuantize(GRID, scaling, x, m, k, k, null, 0, blocks);
        MemorySegment y = operands.floats(m * k);
        backend.piDequantize(GRID, blocks, m, k, y, k);
        Operands.require(PiDequantize.near(x, y, m * k), name() + " " + shape);
        return new Work("pi-q3", 0, null, Work.Traffic.read(bytes), x, copies, "bound",
                index -> backend.piQuantize(GRID, scaling, Work.piece(x, copies, index), m, k, k, null, 0, blocks));
    }
}
