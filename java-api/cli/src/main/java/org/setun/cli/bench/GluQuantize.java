package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.NnOps.Glu;

/** Squared-ReLU gate, sub-norm and absmax int8 of activations in one pass, as in BitNet b1.58. */
final class GluQuantize implements Kernel {

    private static final float EPS = 1e-5f;

    @Override
    public String name() {
        return "glu_quantize";
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        NativeBackend backend = operands.backend();
        long d = shape.k();
        long count = n * d;
        long bytes = 2 * count * Float.BYTES;
        int copies = Operands.copies(bytes, setBytes);
        MemorySegment both = operands.set(bytes, copies); // gate, then up
        MemorySegment.copy(operands.gaussian(2 * count), 0, both, 0, bytes);
        Operands.repeat(both, bytes);
        MemorySegment w = operands.gaussian(d);
        Quantized out = Quantized.rows(operands, n, d);
        glu(backend, Work.piece(both, copies, 0), w, n, d, out);
        MemorySegment gated = operands.floats(count);
        MemorySegment y = operands.floats(count);
        backend.gluForward(Glu.RELU2, both.asSlice(0, bytes / 2), both.asSlice(bytes / 2, bytes / 2), n, d, gated);
        backend.rmsNormForward(gated, w, n, d, EPS, y, null);
        out.requireRowsOf(y, operands, n, d, name() + " n = " + n + ", d = " + d);
        return new Work("i8", 0, null, Work.Traffic.copy(bytes, out.bytes()), both, copies, "exact",
                index -> glu(backend, Work.piece(both, copies, index), w, n, d, out));
    }

    private static void glu(NativeBackend backend, MemorySegment both, MemorySegment w, long n, long d, Quantized out) {
        long half = both.byteSize() / 2;
        backend.gluQuantize(Glu.RELU2, both.asSlice(0, half), both.asSlice(half, half), w, EPS, n, d, null, out.q(), out.step(), out.sum());
    }
}
