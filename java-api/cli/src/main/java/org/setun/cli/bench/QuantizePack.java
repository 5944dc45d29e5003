package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.TernaryOps;

/** Absmean, quantize and pack of fp32 weights: what a training step does with each matrix. It reads them twice. */
final class QuantizePack implements Kernel {

    private static final long CHECKED_VALUES = 1 << 16;

    @Override
    public String name() {
        return "ternary_quantize_pack";
    }

    @Override
    public boolean dependsOnRows() {
        return false;
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        NativeBackend backend = operands.backend();
        long m = shape.m();
        long k = shape.k();
        long bytes = m * k * Float.BYTES;
        int copies = Operands.copies(bytes, setBytes);
        MemorySegment weights = operands.set(bytes, copies);
        MemorySegment.copy(operands.gaussian(m * k), 0, weights, 0, bytes);
        Operands.repeat(weights, bytes);
        MemorySegment packed = operands.bytes(TernaryOps.packedBytes(m, k));
        MemorySegment gamma = operands.floats(1);
        backend.ternaryQuantizePack(weights.asSlice(0, bytes), m, k, packed, gamma);
        check(operands, shape, weights, packed, gamma.get(ValueLayout.JAVA_FLOAT, 0));
        return new Work("planes2", 0, null, Work.Traffic.readTwice(bytes), weights, copies, "exact",
                index -> backend.ternaryQuantizePack(Work.piece(weights, copies, index), m, k, packed, gamma));
    }

    private void check(Operands operands, Shape shape, MemorySegment weights, MemorySegment packed, float gamma) {
        long count = shape.m() * shape.k();
        double sum = 0;
        for (long i = 0; i < count; i++) {
            sum += Math.abs(weights.getAtIndex(ValueLayout.JAVA_FLOAT, i));
        }
        Operands.require(Math.abs(gamma / (sum / count) - 1) < 1e-5, "gamma of " + name() + " " + shape);
        MemorySegment codes = operands.bytes(count);
        operands.backend().ternaryUnpack(packed, shape.m(), shape.k(), codes);
        float inverse = 1.0f / gamma;
        for (long i = 0; i < Math.min(count, CHECKED_VALUES); i++) {
            double code = Math.clamp(Math.rint(weights.getAtIndex(ValueLayout.JAVA_FLOAT, i) * inverse), -1, 1);
            Operands.require(codes.get(ValueLayout.JAVA_BYTE, i) == (byte) code, "codes of " + name() + " " + shape);
        }
    }
}
