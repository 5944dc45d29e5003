package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.TernaryOps;

/** int8 rows with their steps and sums: what fused kernels write. */
record Quantized(MemorySegment q, MemorySegment step, MemorySegment sum) {

    static Quantized rows(Operands operands, long n, long d) {
        return new Quantized(operands.bytes(n * TernaryOps.paddedK(d)), operands.floats(n), operands.floats(n));
    }

    /** Requires the bits that {@link TernaryOps#quantizeRows} makes of {@code values} f32[n][d]. */
    void requireRowsOf(MemorySegment values, Operands operands, long n, long d, String what) {
        Quantized expected = rows(operands, n, d);
        operands.backend().quantizeRows(values, n, d, d, expected.q, expected.step, expected.sum);
        Operands.require(q.mismatch(expected.q) == -1 && step.mismatch(expected.step) == -1 && sum.mismatch(expected.sum) == -1, what);
        Operands.require(step.get(ValueLayout.JAVA_FLOAT, 0) > 0, what);
    }

    long bytes() {
        return q.byteSize() + step.byteSize() + sum.byteSize();
    }
}
