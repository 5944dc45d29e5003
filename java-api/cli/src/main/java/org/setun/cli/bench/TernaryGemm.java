package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.Activation;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.PackedLayout;
import org.setun.kernels.TernaryOps;

/** Ternary weights times int8 activations; one row of activations is the GEMV. */
final class TernaryGemm implements Kernel {

    private static final int CHECKED_PRODUCTS = 256;
    private static final long MOST_DENSE_ROWS = 16; // it is for products that wait for memory

    private final PackedLayout layout;

    TernaryGemm(PackedLayout layout) {
        this.layout = layout;
    }

    @Override
    public String name() {
        return layout == PackedLayout.DENSE ? "ternary_gemm_dense" : "ternary_gemm";
    }

    @Override
    public boolean takes(long n) {
        return layout != PackedLayout.DENSE || n <= MOST_DENSE_ROWS;
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        NativeBackend backend = operands.backend();
        long m = shape.m();
        long k = shape.k();
        long bytes = layout.bytes(m, k);
        int copies = Operands.copies(bytes, setBytes);
        MemorySegment codes = operands.codes(m * k);
        MemorySegment weights = operands.set(bytes, copies);
        if (layout == PackedLayout.DENSE) {
            backend.ternaryDensePack(codes, m, k, weights.asSlice(0, bytes));
        } else {
            backend.ternaryPack(codes, m, k, weights.asSlice(0, bytes));
        }
        Operands.repeat(weights, bytes);
        MemorySegment gamma = operands.floats(1, 0.02f);
        long kp = TernaryOps.paddedK(k);
        MemorySegment q = operands.bytes(n * kp);
        MemorySegment step = operands.floats(n);
        MemorySegment sum = operands.floats(n);
        backend.quantizeRows(operands.gaussian(n * k), n, k, k, q, step, sum);
        MemorySegment y = operands.floats(n * m);
        MemorySegment acc = operands.floats(n * m);
        backend.ternaryGemm(layout, weights, m, k, gamma, q, step, sum, n, null, Activation.NONE, null, y, m, acc);
        for (int i = 0; i < CHECKED_PRODUCTS; i++) {
            long t = operands.random().nextLong(n);
            long o = operands.random().nextLong(m);
            int expected = 0;
            for (long j = 0; j < k; j++) {
                expected += codes.get(ValueLayout.JAVA_BYTE, o * k + j) * q.get(ValueLayout.JAVA_BYTE, t * kp + j);
            }
            Operands.require(acc.getAtIndex(ValueLayout.JAVA_INT, t * m + o) == expected, name() + " " + shape + " n = " + n);
        }
        return new Work(layout == PackedLayout.DENSE ? "dense" : "planes2", (double) m * k * n, MachineLimit.DOT_INT8,
                Work.Traffic.read(bytes), weights, copies, "exact",
                index -> backend.ternaryGemm(layout, Work.piece(weights, copies, index), m, k, gamma, q, step, sum, n, null,
                        Activation.NONE,
                        null, y, m, null));
    }
}
