package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.TernaryOps;

/** Ternary weights times int8 activations; one row of activations is the GEMV. */
final class TernaryGemm implements Kernel {

    private static final int CHECKED_PRODUCTS = 256;

    @Override
    public String name() {
        return "ternary_gemm";
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        NativeBackend backend = operands.backend();
        long m = shape.m();
        long k = shape.k();
        long bytes = TernaryOps.packedBytes(m, k);
        int copies = Operands.copies(bytes, setBytes);
        MemorySegment codes = operands.codes(m * k);
        MemorySegment weights = operands.set(bytes, copies);
        backend.ternaryPack(codes, m, k, weights.asSlice(0, bytes));
        Operands.repeat(weights, bytes);
        MemorySegment gamma = operands.floats(1, 0.02f);
        long kp = TernaryOps.paddedK(k);
        MemorySegment q = operands.bytes(n * kp);
        MemorySegment step = operands.floats(n);
        MemorySegment sum = operands.floats(n);
        backend.quantizeRows(operands.gaussian(n * k), n, k, k, q, step, sum);
        MemorySegment y = operands.floats(n * m);
        MemorySegment acc = operands.floats(n * m);
        backend.ternaryGemm(weights, m, k, gamma, q, step, sum, n, null, null, y, m, acc);
        for (int i = 0; i < CHECKED_PRODUCTS; i++) {
            long t = operands.random().nextLong(n);
            long o = operands.random().nextLong(m);
            int expected = 0;
            for (long j = 0; j < k; j++) {
                expected += codes.get(ValueLayout.JAVA_BYTE, o * k + j) * q.get(ValueLayout.JAVA_BYTE, t * kp + j);
            }
            Operands.require(acc.getAtIndex(ValueLayout.JAVA_INT, t * m + o) == expected, name() + " " + shape + " n = " + n);
        }
        return new Work("planes2", (double) m * k * n, MachineLimit.DOT_INT8, Work.Traffic.read(bytes), weights, copies, "exact",
                index -> backend.ternaryGemm(Work.piece(weights, copies, index), m, k, gamma, q, step, sum, n, null, null, y, m, null));
    }
}
