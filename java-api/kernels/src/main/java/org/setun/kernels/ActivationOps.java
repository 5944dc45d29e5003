package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NnOps.Glu;

/**
 * What comes between two products of a network, in one pass per row: the operations of {@code setun/activation.h}. Each gives the bits of the
 * operations of {@link NnOps} and {@link TernaryOps#quantizeRows} called one after another.
 */
public interface ActivationOps {

    /**
     * {@code h = x + residual} (or {@code x}), then RMSNorm with gain {@code w}, then absmax int8: {@code q} i8[n][paddedK(d)] (padding 0),
     * {@code step} f32[n], {@code sum} i32[n].
     *
     * @param residual f32[n][d], or null
     * @param h        f32[n][d] receives {@code x + residual} if given; may be {@code x} or {@code residual}; null without a residual
     * @param y        f32[n][d] receives the normalized values if given
     * @param rstd     f32[n] receives {@code 1/sqrt(mean(h^2) + eps)} if given
     */
    void rmsNormQuantize(MemorySegment x, @Nullable MemorySegment residual, MemorySegment w, long n, long d, float eps,
            @Nullable MemorySegment h, @Nullable MemorySegment y, @Nullable MemorySegment rstd, MemorySegment q, MemorySegment step,
            MemorySegment sum);

    /**
     * {@code act(gate) * up}, then RMSNorm with gain {@code w} unless that is null, then absmax int8 as above.
     *
     * @param w   f32[d], the gain of the sub-norm of BitNet b1.58, or null
     * @param eps of the sub-norm
     * @param y   f32[n][d] receives the values that are rounded if given; may be {@code gate} or {@code up}
     */
    void gluQuantize(Glu kind, MemorySegment gate, MemorySegment up, @Nullable MemorySegment w, float eps, long n, long d,
            @Nullable MemorySegment y, MemorySegment q, MemorySegment step, MemorySegment sum);
}
