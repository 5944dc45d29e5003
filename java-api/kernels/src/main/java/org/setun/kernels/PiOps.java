package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Weights in blocks of 256 codes of 2 or 3 bits and an f16 step: the operations of {@code setun/pi.h}. Bytes: {@code docs/formats.md}. */
public interface PiOps {

    /**
     * Quantizes to nearest: {@code x} f32[n][ldx] to {@code blocks}, {@code n * k / 256} of {@link PiGrid#blockBytes} bytes. A block that holds
     * NaN or Inf, or is too large for f16, gets the step NaN.
     *
     * @param k                a multiple of 256
     * @param importance       of the square errors, f32, not negative: {@code k} values for all rows, or rows {@code importanceStride}
     *                         apart; null for 1
     * @param importanceStride 0 or at least {@code k}
     */
    void piQuantize(PiGrid grid, PiScaling scaling, MemorySegment x, long n, long k, long ldx, @Nullable MemorySegment importance,
            long importanceStride, MemorySegment blocks);

    /** The values of {@code n * k / 256} blocks to {@code y} f32[n][ldy]; {@code k} is a multiple of 256. */
    void piDequantize(PiGrid grid, MemorySegment blocks, long n, long k, MemorySegment y, long ldy);
}
