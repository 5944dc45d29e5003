package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.TernaryOps;

/** Per-row absmax int8 of activations: reads fp32, writes a quarter as many bytes. */
final class QuantizeRows implements Kernel {

    @Override
    public String name() {
        return "quantize_rows";
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        NativeBackend backend = operands.backend();
        long k = shape.k();
        long kp = TernaryOps.paddedK(k);
        long bytes = n * k * Float.BYTES;
        int copies = Operands.copies(bytes, setBytes);
        MemorySegment x = operands.set(bytes, copies);
        MemorySegment.copy(operands.gaussian(n * k), 0, x, 0, bytes);
        Operands.repeat(x, bytes);
        MemorySegment q = operands.bytes(n * kp);
        MemorySegment step = operands.floats(n);
        MemorySegment sum = operands.floats(n);
        backend.quantizeRows(x, n, k, k, q, step, sum);
        float largest = 1e-5f;
        for (long i = 0; i < k; i++) {
            largest = Math.max(largest, Math.abs(x.getAtIndex(ValueLayout.JAVA_FLOAT, i)));
        }
        boolean right = step.get(ValueLayout.JAVA_FLOAT, 0) == largest / 127.0f;
        for (long i = 0; i < k; i++) {
            right &= q.get(ValueLayout.JAVA_BYTE, i) == (byte) Math.rint(x.getAtIndex(ValueLayout.JAVA_FLOAT, i) * (127.0f / largest));
        }
        Operands.require(right, name() + " n = " + n + ", k = " + k);
        return new Work("i8", 0, null, Work.Traffic.copy(bytes, n * kp), x, copies, "exact",
                index -> backend.quantizeRows(Work.piece(x, copies, index), n, k, k, q, step, sum));
    }
}
