package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.MachineLimit;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.NnOps.Attention;
import org.setun.kernels.NnOps.Precision;

/**
 * Causal attention, forward and backward, in bf16: one sequence of n positions, heads of 64 values in rows of k. It counts the seven products
 * (two forward, five backward) on visible pairs.
 */
final class AttentionStep implements Kernel {

    private static final long HEAD = 64;
    private static final long LEAST_POSITIONS = 128;
    private static final int PRODUCTS = 7;
    private static final double TOLERANCE = 0.05; // of the norm of a result: bf16 keeps 8 bits of each operand

    private record Results(MemorySegment out, MemorySegment lse, MemorySegment dq, MemorySegment dk, MemorySegment dv) {
        static Results of(Operands operands, long count, long rows) {
            return new Results(operands.floats(count), operands.floats(rows), operands.floats(count), operands.floats(count),
                    operands.floats(count));
        }
    }

    @Override
    public String name() {
        return "attention_bf16";
    }

    @Override
    public boolean takes(long n) {
        return n >= LEAST_POSITIONS;
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        NativeBackend backend = operands.backend();
        long heads = Math.max(1, shape.k() / HEAD);
        long width = heads * HEAD;
        long count = n * width;
        MemorySegment q = operands.gaussian(count);
        MemorySegment k = operands.gaussian(count);
        MemorySegment v = operands.gaussian(count);
        MemorySegment dout = operands.gaussian(count);
        Results exact = Results.of(operands, count, n * heads);
        Results results = Results.of(operands, count, n * heads);
        step(backend, attention(n, heads, Precision.F32), q, k, v, dout, exact);
        Attention attention = attention(n, heads, Precision.BF16);
        step(backend, attention, q, k, v, dout, results);
        String what = name() + " " + n + " positions, " + heads + " heads";
        requireClose(exact.out, results.out, count, what);
        requireClose(exact.dq, results.dq, count, what);
        requireClose(exact.dk, results.dk, count, what);
        requireClose(exact.dv, results.dv, count, what);
        double macs = (double) PRODUCTS * heads * HEAD * n * (n + 1) / 2;
        return new Work("f32", macs, MachineLimit.DOT_BF16, Work.Traffic.copy(9 * q.byteSize(), 4 * q.byteSize()), q, 1, "bound",
                index -> step(backend, attention, q, k, v, dout, results));
    }

    private static Attention attention(long n, long heads, Precision precision) {
        return new Attention(1, n, n, heads, heads, HEAD, 0.125f, heads * HEAD, heads * HEAD, 0, precision);
    }

    private static void step(NativeBackend backend, Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment dout,
            Results to) {
        backend.attentionForward(shape, q, k, v, to.out, to.lse);
        backend.attentionBackward(shape, q, k, v, to.out, to.lse, dout, to.dq, to.dk, to.dv);
    }

    private static void requireClose(MemorySegment expected, MemorySegment actual, long count, String what) {
        double norm = 0;
        double error = 0;
        for (long i = 0; i < count; i++) {
            double e = expected.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            double difference = actual.getAtIndex(ValueLayout.JAVA_FLOAT, i) - e;
            norm += e * e;
            error += difference * difference;
        }
        Operands.require(error <= TOLERANCE * TOLERANCE * norm, what); // false for NaN
    }
}
