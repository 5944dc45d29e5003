package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.QuantLevels;

/** A latent weight of 3 bits with learned steps: levels and error sums forward, gradients of weight and steps backward. */
final class FakeQuant implements Kernel {

    private static final FakeQuantRule RULE = new FakeQuantRule(QuantLevels.signed(3), new Estimator.Lsq(0));
    private static final float STEP = 0.6f;

    private final boolean backward;

    FakeQuant(boolean backward) {
        this.backward = backward;
    }

    @Override
    public String name() {
        return backward ? "fakequant_backward" : "fakequant_forward";
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
        MemorySegment v = operands.gaussian(m * k);
        MemorySegment steps = operands.floats(m, STEP);
        MemorySegment sums = operands.bytes(m * 4 * Double.BYTES);
        MemorySegment stepGradients = operands.floats(m, 0);
        MemorySegment out = operands.set(bytes, copies);
        backend.fill(out, m * k * copies, 0); // no page is new when the clock runs
        backend.fakeQuantForward(RULE, m, k, v, steps, null, out, null, sums);
        Operands.require(PiDequantize.near(v, out, m * k), name() + " " + shape);
        double noise = sums.getAtIndex(ValueLayout.JAVA_DOUBLE, 1) / sums.getAtIndex(ValueLayout.JAVA_DOUBLE, 0);
        Operands.require(noise > 0 && noise < 0.1, name() + " sums " + shape);
        if (backward) {
            return new Work("fp32", 0, null, Work.Traffic.copy(2 * bytes, bytes), out, copies, "bound",
                    index -> backend.fakeQuantBackward(RULE,
                            m, k, v, steps, null, v, Work.piece(out, copies, index), stepGradients, null, 1e-6f));
        }
        return new Work("fp32", 0, null, Work.Traffic.copy(bytes, bytes), out, copies, "bound",
                index -> backend.fakeQuantForward(RULE, m, k, v, steps, null, Work.piece(out, copies, index), null, sums));
    }
}
