package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.GemmOps.Operand;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.TernaryOps;

/** {@code dW = dY^T * X} in bf16, where X are fp32 rows or int8 codes with a step for each row. */
final class GradientOfWeights implements Kernel {

    private static final long LEAST_ROWS = 32; // it is for training

    private final boolean codes;

    /** @param codes true: X as int8 codes; false: as fp32 */
    GradientOfWeights(boolean codes) {
        this.codes = codes;
    }

    @Override
    public String name() {
        return codes ? "gemm_bf16_dw_i8" : "gemm_bf16_dw_f32";
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
        long kp = TernaryOps.paddedK(k);
        MemorySegment dy = operands.gaussian(n * m);
        MemorySegment x = operands.gaussian(n * k);
        MemorySegment q = operands.bytes(n * kp);
        MemorySegment step = operands.floats(n);
        backend.quantizeRows(x, n, k, k, q, step, operands.floats(n));
        MemorySegment dw = operands.floats(m * k);
        Operand right = codes ? Operand.i8(q, kp) : Operand.f32(x, k);
        Runnable call = () -> backend.gemmBf16(m, k, n, 1, Operand.f32(dy, m).transpose(), right, codes ? step : null, 0, null, dw, k);
        call.run();
        Bf16Check.require(operands, name() + " " + shape + " n = " + n, m, k, n,
                (row, column) -> dy.getAtIndex(ValueLayout.JAVA_FLOAT, column * m + row), (row, column) -> codes
                        ? q.get(ValueLayout.JAVA_BYTE, row * kp + column) * step.getAtIndex(ValueLayout.JAVA_FLOAT, row)
                        : x.getAtIndex(ValueLayout.JAVA_FLOAT, row * k + column),
                (row, column) -> dw.getAtIndex(ValueLayout.JAVA_FLOAT, row * k + column), 2);
        long read = dy.byteSize() + (codes ? q.byteSize() : x.byteSize());
        return new Work(codes ? "i8" : "f32", (double) m * k * n, MachineLimit.DOT_BF16, Work.Traffic.copy(read, dw.byteSize()), dw, 1,
                "bound", index -> call.run());
    }
}
