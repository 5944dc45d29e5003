package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Fake quantization of training: the operations of {@code setun/fakequant.h}. All bits are promised. */
public interface FakeQuantOps {

    /** Doubles per group that {@link #fakeQuantForward} writes to {@code sums}. */
    int SUMS = 4;

    /**
     * What stands in the place of {@code v} f32[groups][group].
     *
     * @param scale  f32[groups], those below {@link FakeQuantRule#LEAST_SCALE} count as that
     * @param offset f32[groups], or null for 0
     * @param value  f32[groups][group], may be {@code v}; or null
     * @param codes  i8[groups][group], or null
     * @param sums   f64[groups][4]: sum of v^2, of squared errors, of v times its replacement, the largest error; or null
     */
    void fakeQuantForward(FakeQuantRule rule, long groups, long group, MemorySegment v, MemorySegment scale, @Nullable MemorySegment offset,
            @Nullable MemorySegment value, @Nullable MemorySegment codes, @Nullable MemorySegment sums);

    /**
     * Turns {@code g} f32[groups][group], the gradient of what stands in the place of {@code v}, into that of {@code v}.
     *
     * @param dv      f32[groups][group], may be {@code g}; or null
     * @param dscale  f32[groups], to which {@code scaleFactor} times the scale's gradient is added; or null
     * @param doffset f32[groups], the same of the offset; or null
     */
    void fakeQuantBackward(FakeQuantRule rule, long groups, long group, MemorySegment v, MemorySegment scale,
            @Nullable MemorySegment offset,
            MemorySegment g, @Nullable MemorySegment dv, @Nullable MemorySegment dscale, @Nullable MemorySegment doffset,
            float scaleFactor);
}
