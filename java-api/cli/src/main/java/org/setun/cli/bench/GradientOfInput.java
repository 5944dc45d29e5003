package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.GemmOps;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.TernaryOps;

/** {@code dX = dY * W} with ternary weights, dY rounded to bf16. */
final class GradientOfInput implements Kernel {

    private static final long LEAST_ROWS = 32; // it is for training
    private static final float GAMMA = 0.02f;

    @Override
    public String name() {
        return "ternary_gemm_backward";
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
        MemorySegment codes = operands.codes(m * k);
        MemorySegment packed = operands.bytes(TernaryOps.packedBytes(m, k));
        backend.ternaryPack(codes, m, k, packed);
        MemorySegment gamma = operands.floats(1, GAMMA);
        MemorySegment dy = operands.gaussian(n * m);
        MemorySegment dx = operands.floats(n * k);
        Runnable call = () -> backend.ternaryGemmBackward(packed, m, k, gamma, GemmOps.Element.F32, dy, n, m, 0, dx, k);
        call.run();
        Bf16Check.require(operands, name() + " " + shape + " n = " + n, n, k, m,
                (row, column) -> dy.getAtIndex(ValueLayout.JAVA_FLOAT, row * m + column),
                (row, column) -> GAMMA * codes.get(ValueLayout.JAVA_BYTE, row * k + column),
                (row, column) -> dx.getAtIndex(ValueLayout.JAVA_FLOAT, row * k + column), 1);
        return new Work("planes2", (double) m * k * n, MachineLimit.DOT_BF16,
                Work.Traffic.copy(dy.byteSize() + packed.byteSize(), dx.byteSize()), packed, 1, "bound", index -> call.run());
    }
}
