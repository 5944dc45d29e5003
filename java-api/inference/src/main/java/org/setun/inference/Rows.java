package org.setun.inference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.NnOps.Glu;
import org.setun.kernels.TernaryOps;

/**
 * Activation rows f32[count][length] on their way into one or more matrices, in the forms that those take: fp32 values, or 8-bit codes, which
 * are made in one pass with what comes before them. Values that no matrix takes are not stored.
 */
final class Rows {

    private final Backend backend;
    private final float normEps;
    private final MemorySegment room;
    private final MemorySegment codes;
    private final MemorySegment steps;
    private final MemorySegment sums;
    private MemorySegment values;
    private int count;

    /** Room for {@code maxRows} rows of up to {@code maxLength} values. */
    Rows(Backend backend, Allocator memory, int maxRows, int maxLength, float normEps) {
        this.backend = backend;
        this.normEps = normEps;
        this.room = memory.allocate(Math.multiplyExact(4L * maxRows, maxLength)).segment();
        this.codes = memory.allocate(maxRows * TernaryOps.paddedK(maxLength)).segment();
        this.steps = memory.allocate(4L * maxRows).segment();
        this.sums = memory.allocate(4L * maxRows).segment();
        this.values = room;
    }

    /** RMSNorm of {@code x} f32[rows][length] with gain {@code weight}; {@code x} itself, which must then stay, if that is null. */
    Rows normalized(MemorySegment x, @Nullable MemorySegment weight, int rows, int length, Projection... consumers) {
        boolean rounded = false;
        boolean exact = false;
        for (Projection consumer : consumers) {
            rounded |= consumer.takesCodes();
            exact |= !consumer.takesCodes();
        }
        count = rows;
        values = weight == null ? x : room;
        if (weight == null && rounded) {
            backend.quantizeRows(x, rows, length, length, codes, steps, sums);
        } else if (rounded) {
            backend.rmsNormQuantize(x, null, weight, rows, length, normEps, null, exact ? room : null, null, codes, steps, sums);
        } else if (weight != null) {
            backend.rmsNormForward(x, weight, rows, length, normEps, room, null);
        }
        return this;
    }

    /** {@code act(gate) * up}, f32[rows][length], then RMSNorm with gain {@code weight} unless that is null. {@code gate} is not kept. */
    Rows gated(Glu kind, MemorySegment gate, MemorySegment up, @Nullable MemorySegment weight, int rows, int length, Projection consumer) {
        count = rows;
        values = room;
        if (consumer.takesCodes()) {
            backend.gluQuantize(kind, gate, up, weight, normEps, rows, length, null, codes, steps, sums);
        } else if (weight == null) {
            backend.gluForward(kind, gate, up, rows, length, room);
        } else {
            backend.gluForward(kind, gate, up, rows, length, gate);
            backend.rmsNormForward(gate, weight, rows, length, normEps, room, null);
        }
        return this;
    }

    int count() {
        return count;
    }

    /** For consumers that take values. */
    MemorySegment values() {
        return values;
    }

    /** For consumers that take codes; their {@link #steps} and {@link #sums} with them. */
    MemorySegment codes() {
        return codes;
    }

    MemorySegment steps() {
        return steps;
    }

    MemorySegment sums() {
        return sums;
    }
}
