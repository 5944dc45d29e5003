package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.NativeBackend;

/** Hadamard transforms of m rows of k values, in place: reads and writes each value once. */
final class HadamardRows implements Kernel {

    @Override
    public String name() {
        return "hadamard";
    }

    @Override
    public boolean dependsOnRows() {
        return false;
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long ignored, long setBytes) {
        NativeBackend backend = operands.backend();
        long n = shape.k();
        long bytes = shape.m() * n * Float.BYTES;
        int copies = Operands.copies(bytes, setBytes);
        MemorySegment x = operands.set(bytes, copies);
        MemorySegment.copy(operands.gaussian(shape.m() * n), 0, x, 0, bytes);
        Operands.repeat(x, bytes);
        requireOrthogonal(backend, operands, n);
        return new Work("f32", 0, null, Work.Traffic.inPlace(bytes), x, copies, "bound",
                index -> transform(backend, Work.piece(x, copies, index), shape.m(), n));
    }

    private static void transform(NativeBackend backend, MemorySegment x, long rows, long n) {
        backend.hadamard(Element.F32, false, x, n, null, rows, n, x, n);
    }

    /** One row there and back again, and its length in between. */
    private static void requireOrthogonal(NativeBackend backend, Operands operands, long n) {
        MemorySegment row = operands.gaussian(n);
        MemorySegment y = operands.floats(n);
        backend.hadamard(Element.F32, false, row, n, null, 1, n, y, n);
        double before = squares(row, n);
        boolean right = Math.abs(squares(y, n) - before) <= 1e-5 * before;
        backend.hadamard(Element.F32, true, y, n, null, 1, n, y, n);
        for (long i = 0; i < n; i++) {
            right &= Math.abs(y.getAtIndex(ValueLayout.JAVA_FLOAT, i) - row.getAtIndex(ValueLayout.JAVA_FLOAT, i)) <= 1e-4;
        }
        Operands.require(right, "hadamard n = " + n);
    }

    private static double squares(MemorySegment x, long n) {
        double sum = 0;
        for (long i = 0; i < n; i++) {
            sum += Math.pow(x.getAtIndex(ValueLayout.JAVA_FLOAT, i), 2);
        }
        return sum;
    }
}
