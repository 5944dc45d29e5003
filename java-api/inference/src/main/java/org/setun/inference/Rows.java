package org.setun.inference;

import java.lang.foreign.MemorySegment;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.TernaryOps;

/**
 * Activation rows f32[count][length] on their way into one or more matrices. They are rounded to 8 bits at most once, by the first ternary
 * matrix that wants it: q, k and v share one rounding, gate and up another.
 */
final class Rows {

    private final Backend backend;
    private final MemorySegment codes;
    private final MemorySegment steps;
    private final MemorySegment sums;
    private MemorySegment values = MemorySegment.NULL;
    private int count;
    private int length;
    private boolean quantized;

    /** Room for {@code maxRows} rows of up to {@code maxLength} values. */
    Rows(Backend backend, Allocator memory, int maxRows, int maxLength) {
        this.backend = backend;
        this.codes = memory.allocate(maxRows * TernaryOps.paddedK(maxLength)).segment();
        this.steps = memory.allocate(4L * maxRows).segment();
        this.sums = memory.allocate(4L * maxRows).segment();
    }

    /** These are the rows from now on; call again when their values change. */
    Rows of(MemorySegment x, int rows, int columns) {
        values = x;
        count = rows;
        length = columns;
        quantized = false;
        return this;
    }

    MemorySegment values() {
        return values;
    }

    int count() {
        return count;
    }

    /** Rounds the rows unless that was done before; then {@link #codes}, {@link #steps} and {@link #sums} hold them. */
    void quantize() {
        if (!quantized) {
            backend.quantizeRows(values, count, length, length, codes, steps, sums);
            quantized = true;
        }
    }

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
