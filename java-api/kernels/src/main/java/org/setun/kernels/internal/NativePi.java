package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiOps;
import org.setun.kernels.PiScaling;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** The functions of {@code setun/pi.h}. */
public final class NativePi implements PiOps {

    private static final Struct QUANTIZE_ARGS = Downcalls.struct("setun_pi_quantize_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("n"), JAVA_LONG.withName("k"), ADDRESS.withName("x"), JAVA_LONG.withName("ldx"), JAVA_INT.withName("bits"),
            JAVA_INT.withName("magnitudes"), JAVA_INT.withName("base"), JAVA_INT.withName("count"), ADDRESS.withName("factors"),
            JAVA_INT.withName("both_signs"), JAVA_INT.withName("reserved"), ADDRESS.withName("importance"),
            JAVA_LONG.withName("importance_stride"), ADDRESS.withName("blocks"));
    private static final Struct DEQUANTIZE_ARGS = Downcalls.struct("setun_pi_dequantize_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("n"), JAVA_LONG.withName("k"), JAVA_INT.withName("bits"), JAVA_INT.withName("magnitudes"),
            ADDRESS.withName("blocks"), ADDRESS.withName("y"), JAVA_LONG.withName("ldy"));
    private static final Operation QUANTIZE = Downcalls.described("setun_pi_quantize");
    private static final Operation DEQUANTIZE = Downcalls.described("setun_pi_dequantize");

    private final NativeContext context;

    public NativePi(NativeContext context) {
        this.context = context;
    }

    @Override
    public void piQuantize(PiGrid grid, PiScaling scaling, MemorySegment x, long n, long k, long ldx, @Nullable MemorySegment importance,
            long importanceStride, MemorySegment blocks) {
        PiChecks.quantize(grid, x, n, k, ldx, importance, importanceStride, blocks);
        context.call(QUANTIZE,
                Arguments.begin(QUANTIZE_ARGS).i64(n).i64(k).pointer(x).i64(ldx).i32(grid.bits()).i32(grid.packedMagnitudes())
                        .i32(scaling.base().code()).i32(scaling.count()).pointer(scaling.segment()).i32(scaling.bothSigns() ? 1 : 0).i32(0)
                        .pointer(importance).i64(importance == null ? 0 : importanceStride).pointer(blocks));
    }

    @Override
    public void piDequantize(PiGrid grid, MemorySegment blocks, long n, long k, MemorySegment y, long ldy) {
        PiChecks.dequantize(grid, blocks, n, k, y, ldy);
        context.call(DEQUANTIZE, Arguments.begin(DEQUANTIZE_ARGS).i64(n).i64(k).i32(grid.bits()).i32(grid.packedMagnitudes())
                .pointer(blocks).pointer(y).i64(ldy));
    }
}
