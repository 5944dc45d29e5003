package org.setun.kernels.internal;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.HadamardOps;
import org.setun.kernels.TernaryOps;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** The functions of {@code setun/hadamard.h}. */
public final class NativeHadamard implements HadamardOps {

    private static final Struct ARGS = Downcalls.struct("setun_hadamard_args", JAVA_LONG.withName("size"), JAVA_LONG.withName("rows"),
            JAVA_LONG.withName("n"), JAVA_INT.withName("type"), JAVA_INT.withName("inverse"), ADDRESS.withName("x"),
            JAVA_LONG.withName("ldx"), ADDRESS.withName("signs"), ADDRESS.withName("y"), JAVA_LONG.withName("ldy"));
    private static final Struct QUANTIZE_ARGS = Downcalls.struct("setun_hadamard_quantize_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("rows"), JAVA_LONG.withName("n"), ADDRESS.withName("x"), JAVA_LONG.withName("ldx"),
            ADDRESS.withName("signs"), ADDRESS.withName("y"), ADDRESS.withName("q"), JAVA_LONG.withName("ldq"), ADDRESS.withName("step"),
            ADDRESS.withName("sum"));
    private static final Operation TRANSFORM = Downcalls.described("setun_hadamard");
    private static final Operation QUANTIZE = Downcalls.described("setun_hadamard_quantize");
    private static final MethodHandle SIGNS = Downcalls.operation("setun_hadamard_signs", JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS);
    private static final MethodHandle FACTOR = Downcalls.function("setun_hadamard_factor",
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT));

    private final NativeContext context;

    public NativeHadamard(NativeContext context) {
        this.context = context;
    }

    @Override
    public void hadamardSigns(SignGenerator generator, long seed, long n, MemorySegment signs) {
        HadamardChecks.signs(n, signs);
        context.enter();
        try {
            context.done((int) SIGNS.invokeExact(context.pointer(), generator.code(), seed, n, signs));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void hadamard(Element element, boolean inverse, MemorySegment x, long ldx, @Nullable MemorySegment signs, long rows, long n,
            MemorySegment y, long ldy) {
        HadamardChecks.transform(element, x, ldx, signs, rows, n, y, ldy);
        context.call(TRANSFORM, Arguments.begin(ARGS).i64(rows).i64(n).i32(element.ordinal()).flag(inverse).pointer(x).i64(ldx)
                .pointer(signs).pointer(y).i64(ldy));
    }

    @Override
    public void hadamardQuantize(MemorySegment x, long ldx, @Nullable MemorySegment signs, long rows, long n, @Nullable MemorySegment y,
            MemorySegment q, MemorySegment step, MemorySegment sum) {
        HadamardChecks.quantize(x, ldx, signs, rows, n, y, q, step, sum);
        context.call(QUANTIZE, Arguments.begin(QUANTIZE_ARGS).i64(rows).i64(n).pointer(x).i64(ldx).pointer(signs).pointer(y).pointer(q)
                .i64(TernaryOps.paddedK(n)).pointer(step).pointer(sum));
    }

    /** C's {@code setun_hadamard_factor}, for comparison with {@link org.setun.kernels.HadamardFactors}. */
    static long nativeFactor(long n, int index) {
        try {
            return (long) FACTOR.invokeExact(n, index);
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        }
    }
}
