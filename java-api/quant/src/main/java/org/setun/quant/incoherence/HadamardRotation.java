package org.setun.quant.incoherence;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.Backend;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.HadamardFactors;
import org.setun.kernels.HadamardOps;
import org.setun.kernels.HadamardOps.SignGenerator;

/** {@code V = H diag(signs)}: random signs, then the normalized Hadamard transform, in n log n operations. */
public final class HadamardRotation implements Rotation {

    private final Backend backend;
    private final HadamardFactors factors;
    private final MemorySegment signs;

    /**
     * @param size      from 1 to {@link HadamardFactors#MAX_N}
     * @param generator of the signs
     */
    public HadamardRotation(Backend backend, int size, SignGenerator generator, long seed) {
        this.backend = backend;
        factors = HadamardFactors.of(size);
        signs = Arena.ofAuto().allocate(HadamardOps.signBytes(size), 8);
        backend.hadamardSigns(generator, seed, size, signs);
    }

    @Override
    public int size() {
        return (int) factors.n();
    }

    @Override
    public String structure() {
        return factors.toString();
    }

    @Override
    public void forward(MemorySegment rows, long count) {
        backend.hadamard(Element.F32, false, rows, size(), signs, count, size(), rows, size());
    }

    @Override
    public void inverse(MemorySegment rows, long count) {
        backend.hadamard(Element.F32, true, rows, size(), signs, count, size(), rows, size());
    }

    /** The sign of value {@code i}: 1 or -1. */
    public int sign(int i) {
        return (signs.get(ValueLayout.JAVA_BYTE, i / 8) >> i % 8 & 1) == 0 ? 1 : -1;
    }

    /**
     * Multiplies the gain of the norm before the rotated layer by the signs, in place: {@code V (gain * x) = H ((signs * gain) * x)}, so that
     * {@link #forwardOfSigned} remains to be run. Exact.
     *
     * @param gain f32[size]
     */
    public void foldSigns(MemorySegment gain) {
        for (int i = 0; i < size(); i++) {
            gain.setAtIndex(ValueLayout.JAVA_FLOAT, i, sign(i) * gain.getAtIndex(ValueLayout.JAVA_FLOAT, i));
        }
    }

    /** {@link #forward} of rows whose signs have been changed already. */
    public void forwardOfSigned(MemorySegment rows, long count) {
        backend.hadamard(Element.F32, false, rows, size(), null, count, size(), rows, size());
    }
}
