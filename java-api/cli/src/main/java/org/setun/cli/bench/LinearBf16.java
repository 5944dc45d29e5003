package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.GemmOps.Operand;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.NativeBackend;

/** {@code Y = X * W^T} with fp32 operands rounded to bf16: the head and other layers that are not ternary. */
final class LinearBf16 implements Kernel {

    private static final long LEAST_ROWS = 32; // it is for training

    @Override
    public String name() {
        return "gemm_bf16";
    }

    @Override
    public boolean takes(long n) {
        return n >= LEAST_ROWS;
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        NativeBackend backend = operands.backend();
        long m = shape.m();
        long k = shape.k();
        MemorySegment x = operands.gaussian(n * k);
        MemorySegment w = operands.gaussian(m * k);
        MemorySegment y = operands.floats(n * m);
        Operand left = Operand.f32(x, k);
        Operand right = Operand.f32(w, k).transpose();
        Runnable call = () -> backend.gemmBf16(n, m, k, 1, left, right, null, 0, null, y, m);
        call.run();
        Bf16Check.require(operands, name() + " " + shape + " n = " + n, n, m, k,
                (row, column) -> x.getAtIndex(ValueLayout.JAVA_FLOAT, row * k + column),
                (row, column) -> w.getAtIndex(ValueLayout.JAVA_FLOAT, column * k + row),
                (row, column) -> y.getAtIndex(ValueLayout.JAVA_FLOAT, row * m + column), 2);
        return new Work("f32", (double) m * k * n, MachineLimit.DOT_BF16,
                Work.Traffic.copy(x.byteSize() + w.byteSize(), y.byteSize()), w, 1, "bound", index -> call.run());
    }
}
