package org.setun.kernels.internal;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Activation;
import org.setun.kernels.GemmOps;
import org.setun.kernels.PackedLayout;
import org.setun.kernels.TernaryFormat;
import org.setun.kernels.TernaryOps;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** The functions of {@code setun/ternary.h}. */
public final class NativeTernary implements TernaryOps {

    private static final Struct CODEC = Downcalls.struct("setun_ternary_codec", JAVA_LONG.withName("size"), JAVA_INT.withName("format"),
            JAVA_INT.withName("reserved"), JAVA_LONG.withName("m"), JAVA_LONG.withName("k"), ADDRESS.withName("codes"),
            ADDRESS.withName("data"), JAVA_LONG.withName("data_bytes"), ADDRESS.withName("scales"));
    private static final Struct QUANTIZE_ROWS_ARGS = Downcalls.struct("setun_quantize_rows_args", JAVA_LONG.withName("size"),
            ADDRESS.withName("x"), JAVA_LONG.withName("n"), JAVA_LONG.withName("k"), JAVA_LONG.withName("ldx"), ADDRESS.withName("q"),
            JAVA_LONG.withName("ldq"), ADDRESS.withName("step"), ADDRESS.withName("sum"));
    private static final Struct GEMM_ARGS = Downcalls.struct("setun_ternary_gemm_args", JAVA_LONG.withName("size"),
            ADDRESS.withName("w"), JAVA_LONG.withName("m"), JAVA_LONG.withName("k"), ADDRESS.withName("gamma"), ADDRESS.withName("q"),
            JAVA_LONG.withName("n"), JAVA_LONG.withName("ldq"), ADDRESS.withName("step"), ADDRESS.withName("sum"), ADDRESS.withName("bias"),
            ADDRESS.withName("residual"), ADDRESS.withName("y"), JAVA_LONG.withName("ldy"), ADDRESS.withName("acc"),
            JAVA_INT.withName("activation"), JAVA_INT.withName("layout"));
    private static final Struct GEMM_F32_ARGS = Downcalls.struct("setun_ternary_gemm_f32_args", JAVA_LONG.withName("size"),
            ADDRESS.withName("w"), JAVA_LONG.withName("m"), JAVA_LONG.withName("k"), ADDRESS.withName("gamma"), ADDRESS.withName("x"),
            JAVA_LONG.withName("n"), JAVA_LONG.withName("ldx"), ADDRESS.withName("bias"), ADDRESS.withName("y"), JAVA_LONG.withName("ldy"));
    private static final Struct GEMM_BACKWARD_ARGS = Downcalls.struct("setun_ternary_gemm_backward_args", JAVA_LONG.withName("size"),
            ADDRESS.withName("w"), JAVA_LONG.withName("m"), JAVA_LONG.withName("k"), ADDRESS.withName("gamma"),
            JAVA_INT.withName("type_dy"),
            JAVA_FLOAT.withName("beta"), ADDRESS.withName("dy"), JAVA_LONG.withName("n"), JAVA_LONG.withName("lddy"),
            ADDRESS.withName("dx"),
            JAVA_LONG.withName("lddx"));
    private static final MethodHandle QUANTIZE = Downcalls.operation("setun_ternary_quantize", ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS,
            ADDRESS);
    private static final MethodHandle QUANTIZE_PACK = Downcalls.operation("setun_ternary_quantize_pack", ADDRESS, JAVA_LONG, JAVA_LONG,
            ADDRESS, ADDRESS);
    private static final MethodHandle PACK = Downcalls.operation("setun_ternary_pack", ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
    private static final MethodHandle UNPACK = Downcalls.operation("setun_ternary_unpack", ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
    private static final MethodHandle DENSE_PACK = Downcalls.operation("setun_ternary_dense_pack", ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
    private static final MethodHandle DENSE_UNPACK = Downcalls.operation("setun_ternary_dense_unpack", ADDRESS, JAVA_LONG, JAVA_LONG,
            ADDRESS);
    private static final MethodHandle EXPAND = Downcalls.operation("setun_ternary_expand", ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS);
    private static final Operation ENCODE = Downcalls.described("setun_ternary_encode");
    private static final Operation DECODE = Downcalls.described("setun_ternary_decode");
    private static final Operation QUANTIZE_ROWS = Downcalls.described("setun_quantize_rows");
    private static final MethodHandle DEQUANTIZE_ROWS = Downcalls.operation("setun_dequantize_rows", ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG,
            ADDRESS);
    private static final Operation GEMM = Downcalls.described("setun_ternary_gemm");
    private static final Operation GEMM_F32 = Downcalls.described("setun_ternary_gemm_f32");
    private static final Operation GEMM_BACKWARD = Downcalls.described("setun_ternary_gemm_backward");

    // The sizes are computed in Java (TernaryOps, TernaryFormat); bound so that the native ones can be compared with them.
    private static final MethodHandle PADDED_K = Downcalls.function("setun_ternary_padded_k", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG));
    private static final MethodHandle PACKED_BYTES = Downcalls.function("setun_ternary_packed_bytes",
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle DENSE_BYTES = Downcalls.function("setun_ternary_dense_bytes",
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle FORMAT_BYTES = Downcalls.function("setun_ternary_format_bytes",
            FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));

    private final NativeContext context;

    public NativeTernary(NativeContext context) {
        this.context = context;
    }

    @Override
    public void ternaryQuantize(MemorySegment w, long m, long k, MemorySegment codes, MemorySegment gamma) {
        TernaryChecks.quantize(w, m, k, codes, gamma);
        context.enter();
        try {
            context.done((int) QUANTIZE.invokeExact(context.pointer(), w, m, k, codes, gamma));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void ternaryQuantizePack(MemorySegment w, long m, long k, MemorySegment packed, MemorySegment gamma) {
        TernaryChecks.quantizePack(w, m, k, packed, gamma);
        context.enter();
        try {
            context.done((int) QUANTIZE_PACK.invokeExact(context.pointer(), w, m, k, packed, gamma));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void ternaryPack(MemorySegment codes, long m, long k, MemorySegment packed) {
        TernaryChecks.pack(codes, m, k, packed);
        context.enter();
        try {
            context.done((int) PACK.invokeExact(context.pointer(), codes, m, k, packed));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void ternaryUnpack(MemorySegment packed, long m, long k, MemorySegment codes) {
        TernaryChecks.unpack(packed, m, k, codes);
        context.enter();
        try {
            context.done((int) UNPACK.invokeExact(context.pointer(), packed, m, k, codes));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void ternaryDensePack(MemorySegment codes, long m, long k, MemorySegment dense) {
        TernaryChecks.densePack(codes, m, k, dense);
        context.enter();
        try {
            context.done((int) DENSE_PACK.invokeExact(context.pointer(), codes, m, k, dense));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void ternaryDenseUnpack(MemorySegment dense, long m, long k, MemorySegment codes) {
        TernaryChecks.denseUnpack(dense, m, k, codes);
        context.enter();
        try {
            context.done((int) DENSE_UNPACK.invokeExact(context.pointer(), dense, m, k, codes));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void ternaryExpand(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment out) {
        TernaryChecks.expand(packed, m, k, gamma, out);
        context.enter();
        try {
            context.done((int) EXPAND.invokeExact(context.pointer(), packed, m, k, gamma, out));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void ternaryEncode(TernaryFormat format, MemorySegment codes, long m, long k, @Nullable MemorySegment scales,
            MemorySegment data) {
        TernaryChecks.encode(format, codes, m, k, scales, data);
        context.call(ENCODE, codec(format, codes, m, k, scales, data));
    }

    @Override
    public void ternaryDecode(TernaryFormat format, MemorySegment data, long m, long k, MemorySegment codes,
            @Nullable MemorySegment scales) {
        TernaryChecks.decode(format, data, m, k, codes, scales);
        context.call(DECODE, codec(format, codes, m, k, scales, data));
    }

    private static Arguments codec(TernaryFormat format, MemorySegment codes, long m, long k, @Nullable MemorySegment scales,
            MemorySegment data) {
        return Arguments.begin(CODEC).i32(format.code()).i32(0).i64(m).i64(k).pointer(codes).pointer(data).i64(data.byteSize())
                .pointer(scales);
    }

    @Override
    public void quantizeRows(MemorySegment x, long n, long k, long ldx, MemorySegment q, MemorySegment step, MemorySegment sum) {
        TernaryChecks.quantizeRows(x, n, k, ldx, q, step, sum);
        context.call(QUANTIZE_ROWS, Arguments.begin(QUANTIZE_ROWS_ARGS).pointer(x).i64(n).i64(k).i64(ldx).pointer(q)
                .i64(TernaryOps.paddedK(k)).pointer(step).pointer(sum));
    }

    @Override
    public void dequantizeRows(MemorySegment q, MemorySegment step, long n, long k, MemorySegment y) {
        TernaryChecks.dequantizeRows(q, step, n, k, y);
        context.enter();
        try {
            context.done((int) DEQUANTIZE_ROWS.invokeExact(context.pointer(), q, step, n, k, y));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void ternaryGemm(PackedLayout layout, MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment q,
            MemorySegment step,
            MemorySegment sum,
            long n, @Nullable MemorySegment bias, Activation activation, @Nullable MemorySegment residual, @Nullable MemorySegment y,
            long ldy,
            @Nullable MemorySegment acc) {
        TernaryChecks.gemm(layout, packed, m, k, gamma, q, step, sum, n, bias, residual, y, ldy, acc);
        context.call(GEMM, gemm(layout, packed, m, k, gamma, q, step, sum, n, bias, activation, residual, y, ldy, acc));
    }

    /** Seconds that {@code repeats} calls of {@link #ternaryGemm} take from a loop in C. */
    public double measureTernaryGemm(long repeats, MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment q,
            MemorySegment step, MemorySegment sum, long n, MemorySegment y, long ldy) {
        TernaryChecks.gemm(PackedLayout.PLANES, packed, m, k, gamma, q, step, sum, n, null, null, y, ldy, null);
        return context.measureCalls(GEMM,
                gemm(PackedLayout.PLANES, packed, m, k, gamma, q, step, sum, n, null, Activation.NONE, null, y, ldy, null), repeats);
    }

    private static Arguments gemm(PackedLayout layout, MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment q,
            MemorySegment step,
            MemorySegment sum, long n, @Nullable MemorySegment bias, Activation activation, @Nullable MemorySegment residual,
            @Nullable MemorySegment y, long ldy, @Nullable MemorySegment acc) {
        return Arguments.begin(GEMM_ARGS).pointer(packed).i64(m).i64(k).pointer(gamma).pointer(q).i64(n).i64(TernaryOps.paddedK(k))
                .pointer(step).pointer(sum).pointer(bias).pointer(residual).pointer(y).i64(ldy).pointer(acc)
                .i32(activation.code()).i32(layout.code());
    }

    @Override
    public void ternaryGemmF32(MemorySegment packed, long m, long k, MemorySegment gamma, MemorySegment x, long n, long ldx,
            @Nullable MemorySegment bias, MemorySegment y, long ldy) {
        TernaryChecks.gemmF32(packed, m, k, gamma, x, n, ldx, bias, y, ldy);
        context.call(GEMM_F32, Arguments.begin(GEMM_F32_ARGS).pointer(packed).i64(m).i64(k).pointer(gamma).pointer(x).i64(n).i64(ldx)
                .pointer(bias).pointer(y).i64(ldy));
    }

    @Override
    public void ternaryGemmBackward(MemorySegment packed, long m, long k, MemorySegment gamma, GemmOps.Element element, MemorySegment dy,
            long n, long lddy, float beta, MemorySegment dx, long lddx) {
        TernaryChecks.gemmBackward(packed, m, k, gamma, element, dy, n, lddy, dx, lddx);
        context.call(GEMM_BACKWARD, Arguments.begin(GEMM_BACKWARD_ARGS).pointer(packed).i64(m).i64(k).pointer(gamma).i32(element.ordinal())
                .f32(beta).pointer(dy).i64(n).i64(lddy).pointer(dx).i64(lddx));
    }

    /** {@code setun_ternary_padded_k}. */
    static long nativePaddedK(long k) {
        try {
            return (long) PADDED_K.invokeExact(k);
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        }
    }

    /** {@code setun_ternary_packed_bytes}: -1 if the shape is not allowed. */
    static long nativePackedBytes(long m, long k) {
        try {
            return (long) PACKED_BYTES.invokeExact(m, k);
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        }
    }

    /** {@code setun_ternary_dense_bytes}: -1 if the shape is not allowed. */
    static long nativeDenseBytes(long m, long k) {
        try {
            return (long) DENSE_BYTES.invokeExact(m, k);
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        }
    }

    /** {@code setun_ternary_format_bytes}: -1 if the shape is not allowed. */
    static long nativeFormatBytes(TernaryFormat format, long m, long k) {
        try {
            return (long) FORMAT_BYTES.invokeExact(format.code(), m, k);
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        }
    }
}
