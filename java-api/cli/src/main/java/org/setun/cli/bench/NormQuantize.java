package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NativeBackend;

/** RMSNorm and absmax int8 of activations in one pass, after adding a residual or not. */
final class NormQuantize implements Kernel {

    private static final float EPS = 1e-5f;

    private final boolean residual;

    /** @param residual true: adds a residual first and writes the sum in its place */
    NormQuantize(boolean residual) {
        this.residual = residual;
    }

    @Override
    public String name() {
        return residual ? "add_rmsnorm_quantize" : "rmsnorm_quantize";
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        NativeBackend backend = operands.backend();
        long d = shape.k();
        long bytes = n * d * Float.BYTES;
        int copies = Operands.copies(bytes, setBytes);
        MemorySegment x = operands.set(bytes, copies);
        MemorySegment.copy(operands.gaussian(n * d), 0, x, 0, bytes);
        Operands.repeat(x, bytes);
        MemorySegment w = operands.gaussian(d);
        Quantized out = Quantized.rows(operands, n, d);
        MemorySegment h = residual ? operands.floats(n * d, 0) : null;
        norm(backend, Work.piece(x, copies, 0), h, w, n, d, out);
        MemorySegment y = operands.floats(n * d);
        backend.rmsNormForward(x.asSlice(0, bytes), w, n, d, EPS, y, null); // the residual is still 0
        out.requireRowsOf(y, operands, n, d, name() + " n = " + n + ", d = " + d);
        if (h != null) {
            backend.fill(h, n * d, 0);
        }
        return new Work("i8", 0, null, Work.Traffic.copy((residual ? 2 : 1) * bytes, out.bytes() + (residual ? bytes : 0)), x, copies,
                "exact", index -> norm(backend, Work.piece(x, copies, index), h, w, n, d, out));
    }

    private static void norm(NativeBackend backend, MemorySegment x, @Nullable MemorySegment h, MemorySegment w, long n, long d,
            Quantized out) {
        backend.rmsNormQuantize(x, h, w, n, d, EPS, h, null, null, out.q(), out.step(), out.sum());
    }
}
