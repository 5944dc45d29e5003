package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiScaling;

/** Blocks of pi-q3 to fp32: writes ten times what it reads. */
final class PiDequantize implements Kernel {

    private static final PiGrid GRID = PiGrid.uniform(3);

    @Override
    public String name() {
        return "pi_dequantize";
    }

    @Override
    public boolean dependsOnRows() {
        return false;
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        NativeBackend backend = operands.backend();
        long m = shape.m();
        long k = shape.k() / PiGrid.BLOCK * PiGrid.BLOCK;
        long packed = m * k / PiGrid.BLOCK * GRID.blockBytes();
        long bytes = m * k * Float.BYTES;
        int copies = Operands.copies(bytes, setBytes);
        MemorySegment x = operands.gaussian(m * k);
        MemorySegment blocks = operands.bytes(packed);
        MemorySegment y = operands.floats(m * k * copies, 0); // written before it is timed: the first touch of a page costs more
        backend.piQuantize(GRID, new PiScaling(PiScaling.Base.ABSMAX, false, 1 / 3.5f), x, m, k, k, null, 0, blocks);
        backend.piDequantize(GRID, blocks, m, k, y, k);
        Operands.require(near(x, y, m * k), name() + " " + shape);
        return new Work("pi-q3", 0, null, Work.Traffic.copy(packed, bytes), y, copies, "bound",
                index -> backend.piDequantize(GRID, blocks, m, k, Work.piece(y, copies, index), k));
    }

    /** Whether three bits keep what they can of normal values: a squared error below a tenth. */
    static boolean near(MemorySegment x, MemorySegment y, long count) {
        double signal = 0;
        double noise = 0;
        for (long i = 0; i < count; i++) {
            double value = x.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            double error = value - y.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            signal += value * value;
            noise += error * error;
        }
        return noise < 0.1 * signal;
    }
}
