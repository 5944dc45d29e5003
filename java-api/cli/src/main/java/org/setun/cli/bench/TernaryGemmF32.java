package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.TernaryOps;

/** Ternary weights times fp32 activations. */
final class TernaryGemmF32 implements Kernel {

    private static final int CHECKED_PRODUCTS = 256;
    private static final long MOST_ROWS = 32; // it is meant for decode and small batches
    private static final float GAMMA = 0.02f;

    @Override
    public String name() {
        return "ternary_gemm_f32";
    }

    @Override
    public boolean takes(long n) {
        return n <= MOST_ROWS;
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
        MemorySegment gamma = operands.floats(1, GAMMA);
        MemorySegment x = operands.gaussian(n * k);
        MemorySegment y = operands.floats(n * m);
        backend.ternaryGemmF32(weights, m, k, gamma, x, n, k, null, y, m);
        for (int i = 0; i < CHECKED_PRODUCTS; i++) {
            long t = operands.random().nextLong(n);
            long o = operands.random().nextLong(m);
            double expected = 0;
            double magnitude = 0;
            for (long j = 0; j < k; j++) {
                float value = x.getAtIndex(ValueLayout.JAVA_FLOAT, t * k + j);
                expected += codes.get(ValueLayout.JAVA_BYTE, o * k + j) * (double) value;
                magnitude += Math.abs(value);
            }
            double error = Math.abs(y.getAtIndex(ValueLayout.JAVA_FLOAT, t * m + o) - GAMMA * expected);
            Operands.require(error <= (k + 2) * 0x1p-24 * GAMMA * magnitude, name() + " " + shape + " n = " + n);
        }
        return new Work("planes2", (double) m * k * n, MachineLimit.FMA_F32, Work.Traffic.read(bytes), weights, copies, "bound",
                index -> backend.ternaryGemmF32(Work.piece(weights, copies, index), m, k, gamma, x, n, k, null, y, m));
    }
}
