package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.NnOps;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** The functions of {@code setun/nn.h}. */
public final class NativeNn implements NnOps {

    private static final Struct RMSNORM_ARGS = Downcalls.struct("setun_rmsnorm_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("n"), JAVA_LONG.withName("d"), ADDRESS.withName("x"), ADDRESS.withName("w"), JAVA_FLOAT.withName("eps"),
            JAVA_INT.withName("accumulate"), ADDRESS.withName("y"), ADDRESS.withName("rstd"), ADDRESS.withName("dy"),
            ADDRESS.withName("dx"), ADDRESS.withName("dw"));
    private static final Struct ROPE_ARGS = Downcalls.struct("setun_rope_args", JAVA_LONG.withName("size"),
            ADDRESS.withName("x"), JAVA_LONG.withName("n"), JAVA_LONG.withName("heads"), JAVA_LONG.withName("head_dim"),
            JAVA_LONG.withName("ldx"), ADDRESS.withName("positions"), JAVA_FLOAT.withName("theta"), JAVA_INT.withName("convention"),
            JAVA_INT.withName("inverse"), JAVA_INT.withName("reserved"));
    private static final Struct ATTENTION_ARGS = Downcalls.struct("setun_attention_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("batch"), JAVA_LONG.withName("t"), JAVA_LONG.withName("s"), JAVA_LONG.withName("heads"),
            JAVA_LONG.withName("kv_heads"), JAVA_LONG.withName("head_dim"), JAVA_FLOAT.withName("scale"), JAVA_INT.withName("precision"),
            ADDRESS.withName("q"), JAVA_LONG.withName("ldq"), ADDRESS.withName("k"), ADDRESS.withName("v"), JAVA_LONG.withName("ldkv"),
            JAVA_LONG.withName("kv_batch_stride"), ADDRESS.withName("out"), ADDRESS.withName("lse"), ADDRESS.withName("dout"),
            ADDRESS.withName("dq"), ADDRESS.withName("dk"), ADDRESS.withName("dv"));
    private static final Struct GLU_ARGS = Downcalls.struct("setun_glu_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("n"), JAVA_LONG.withName("d"), JAVA_INT.withName("kind"), JAVA_INT.withName("reserved"),
            ADDRESS.withName("gate"), ADDRESS.withName("up"), ADDRESS.withName("y"), ADDRESS.withName("dy"), ADDRESS.withName("dgate"),
            ADDRESS.withName("dup"));
    private static final Struct CROSS_ENTROPY_ARGS = Downcalls.struct("setun_cross_entropy_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("n"), JAVA_LONG.withName("vocab"), ADDRESS.withName("logits"), ADDRESS.withName("targets"),
            ADDRESS.withName("loss"), ADDRESS.withName("dlogits"), JAVA_FLOAT.withName("grad_scale"),
            JAVA_FLOAT.withName("label_smoothing"));
    private static final Struct DISTILL_ARGS = Downcalls.struct("setun_distill_args", JAVA_LONG.withName("size"), JAVA_LONG.withName("n"),
            JAVA_LONG.withName("vocab"), JAVA_INT.withName("divergence"), JAVA_FLOAT.withName("temperature"), ADDRESS.withName("student"),
            ADDRESS.withName("teacher"), ADDRESS.withName("weights"), ADDRESS.withName("loss"), ADDRESS.withName("dstudent"),
            JAVA_FLOAT.withName("grad_scale"), JAVA_INT.withName("reserved"));
    private static final MethodHandle EMBEDDING_FORWARD = Downcalls.operation("setun_embedding_forward", ADDRESS, JAVA_LONG, ADDRESS,
            JAVA_LONG, JAVA_LONG, ADDRESS);
    private static final MethodHandle EMBEDDING_BACKWARD = Downcalls.operation("setun_embedding_backward", ADDRESS, JAVA_LONG, ADDRESS,
            JAVA_LONG, JAVA_LONG, ADDRESS);
    private static final Operation RMSNORM_FORWARD = Downcalls.described("setun_rmsnorm_forward");
    private static final Operation RMSNORM_BACKWARD = Downcalls.described("setun_rmsnorm_backward");
    private static final Operation ROPE = Downcalls.described("setun_rope");
    private static final Operation ATTENTION_FORWARD = Downcalls.described("setun_attention_forward");
    private static final Operation ATTENTION_BACKWARD = Downcalls.described("setun_attention_backward");
    private static final Operation GLU_FORWARD = Downcalls.described("setun_glu_forward");
    private static final Operation GLU_BACKWARD = Downcalls.described("setun_glu_backward");
    private static final MethodHandle RELU_FORWARD = Downcalls.operation("setun_relu_forward", ADDRESS, JAVA_LONG, ADDRESS);
    private static final MethodHandle RELU_BACKWARD = Downcalls.operation("setun_relu_backward", ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
    private static final MethodHandle AXPBY = Downcalls.operation("setun_axpby", JAVA_FLOAT, ADDRESS, JAVA_FLOAT, ADDRESS, JAVA_LONG);
    private static final MethodHandle FILL = Downcalls.operation("setun_fill", ADDRESS, JAVA_LONG, JAVA_FLOAT);
    private static final MethodHandle BIAS_FORWARD = Downcalls.operation("setun_bias_forward", ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
    private static final MethodHandle BIAS_BACKWARD = Downcalls.operation("setun_bias_backward", ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
    private static final Operation CROSS_ENTROPY = Downcalls.described("setun_cross_entropy");
    private static final Operation DISTILL = Downcalls.described("setun_distill");

    private final NativeContext context;

    public NativeNn(NativeContext context) {
        this.context = context;
    }

    @Override
    public void embeddingForward(MemorySegment ids, long n, MemorySegment table, long vocab, long d, MemorySegment y) {
        Checks.embeddingForward(ids, n, table, vocab, d, y);
        context.enter();
        try {
            context.done((int) EMBEDDING_FORWARD.invokeExact(context.pointer(), ids, n, table, vocab, d, y));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void embeddingBackward(MemorySegment ids, long n, MemorySegment dy, long vocab, long d, MemorySegment dtable) {
        Checks.embeddingBackward(ids, n, dy, vocab, d, dtable);
        context.enter();
        try {
            context.done((int) EMBEDDING_BACKWARD.invokeExact(context.pointer(), ids, n, dy, vocab, d, dtable));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void rmsNormForward(MemorySegment x, MemorySegment w, long n, long d, float eps, MemorySegment y, @Nullable MemorySegment rstd) {
        Checks.rmsNormForward(x, w, n, d, eps, y, rstd);
        context.call(RMSNORM_FORWARD,
                Arguments.begin(RMSNORM_ARGS).i64(n).i64(d).pointer(x).pointer(w).f32(eps).i32(0).pointer(y).pointer(rstd)
                        .pointer(null).pointer(null).pointer(null));
    }

    @Override
    public void rmsNormBackward(MemorySegment x, MemorySegment w, MemorySegment rstd, MemorySegment dy, long n, long d, MemorySegment dx,
            boolean accumulate, @Nullable MemorySegment dw) {
        Checks.rmsNormBackward(x, w, rstd, dy, n, d, dx, dw);
        context.call(RMSNORM_BACKWARD,
                Arguments.begin(RMSNORM_ARGS).i64(n).i64(d).pointer(x).pointer(w).f32(0).flag(accumulate).pointer(null)
                        .pointer(rstd).pointer(dy).pointer(dx).pointer(dw));
    }

    @Override
    public void rope(MemorySegment x, long n, long heads, long headDim, long ldx, MemorySegment positions, float theta, Rope convention,
            boolean inverse) {
        Checks.rope(x, n, heads, headDim, ldx, positions, theta);
        context.call(ROPE, Arguments.begin(ROPE_ARGS).pointer(x).i64(n).i64(heads).i64(headDim).i64(ldx).pointer(positions).f32(theta)
                .i32(convention.ordinal()).flag(inverse).i32(0));
    }

    @Override
    public void attentionForward(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out,
            @Nullable MemorySegment lse) {
        Checks.attentionForward(shape, q, k, v, out, lse);
        context.call(ATTENTION_FORWARD, attention(shape, q, k, v, out, lse, null, null, null, null));
    }

    @Override
    public void attentionBackward(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out, MemorySegment lse,
            MemorySegment dout, MemorySegment dq, MemorySegment dk, MemorySegment dv) {
        Checks.attentionBackward(shape, q, k, v, out, lse, dout, dq, dk, dv);
        context.call(ATTENTION_BACKWARD, attention(shape, q, k, v, out, lse, dout, dq, dk, dv));
    }

    private static Arguments attention(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment out,
            @Nullable MemorySegment lse, @Nullable MemorySegment dout, @Nullable MemorySegment dq, @Nullable MemorySegment dk,
            @Nullable MemorySegment dv) {
        return Arguments.begin(ATTENTION_ARGS).i64(shape.batch()).i64(shape.queries()).i64(shape.keys()).i64(shape.heads())
                .i64(shape.kvHeads()).i64(shape.headDim()).f32(shape.scale()).i32(shape.precision().ordinal()).pointer(q)
                .i64(shape.ldq()).pointer(k).pointer(v).i64(shape.ldkv()).i64(shape.kvBatchStride()).pointer(out).pointer(lse)
                .pointer(dout).pointer(dq).pointer(dk).pointer(dv);
    }

    @Override
    public void gluForward(Glu kind, MemorySegment gate, MemorySegment up, long n, long d, MemorySegment y) {
        Checks.gluForward(gate, up, n, d, y);
        context.call(GLU_FORWARD, Arguments.begin(GLU_ARGS).i64(n).i64(d).i32(kind.ordinal()).i32(0).pointer(gate).pointer(up).pointer(y)
                .pointer(null).pointer(null).pointer(null));
    }

    @Override
    public void gluBackward(Glu kind, MemorySegment gate, MemorySegment up, MemorySegment dy, long n, long d, MemorySegment dgate,
            MemorySegment dup) {
        Checks.gluBackward(gate, up, dy, n, d, dgate, dup);
        context.call(GLU_BACKWARD,
                Arguments.begin(GLU_ARGS).i64(n).i64(d).i32(kind.ordinal()).i32(0).pointer(gate).pointer(up).pointer(null)
                        .pointer(dy).pointer(dgate).pointer(dup));
    }

    @Override
    public void reluForward(MemorySegment x, long count, MemorySegment y) {
        Checks.reluForward(x, count, y);
        context.enter();
        try {
            context.done((int) RELU_FORWARD.invokeExact(context.pointer(), x, count, y));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void reluBackward(MemorySegment x, MemorySegment dy, long count, MemorySegment dx) {
        Checks.reluBackward(x, dy, count, dx);
        context.enter();
        try {
            context.done((int) RELU_BACKWARD.invokeExact(context.pointer(), x, dy, count, dx));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void axpby(float a, MemorySegment x, float b, MemorySegment y, long count) {
        Checks.axpby(x, y, count);
        context.enter();
        try {
            context.done((int) AXPBY.invokeExact(context.pointer(), a, x, b, y, count));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void fill(MemorySegment x, long count, float value) {
        Checks.fill(x, count);
        context.enter();
        try {
            context.done((int) FILL.invokeExact(context.pointer(), x, count, value));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void biasForward(MemorySegment bias, long n, long d, MemorySegment y) {
        Checks.biasForward(bias, n, d, y);
        context.enter();
        try {
            context.done((int) BIAS_FORWARD.invokeExact(context.pointer(), bias, n, d, y));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void biasBackward(MemorySegment dy, long n, long d, MemorySegment dbias) {
        Checks.biasBackward(dy, n, d, dbias);
        context.enter();
        try {
            context.done((int) BIAS_BACKWARD.invokeExact(context.pointer(), dy, n, d, dbias));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void crossEntropy(MemorySegment logits, MemorySegment targets, long n, long vocab, MemorySegment loss,
            @Nullable MemorySegment dlogits, float gradScale, float labelSmoothing) {
        Checks.crossEntropy(logits, targets, n, vocab, loss, dlogits, labelSmoothing);
        context.call(CROSS_ENTROPY, Arguments.begin(CROSS_ENTROPY_ARGS).i64(n).i64(vocab).pointer(logits).pointer(targets).pointer(loss)
                .pointer(dlogits).f32(gradScale).f32(labelSmoothing));
    }

    @Override
    public void distill(Divergence divergence, float temperature, MemorySegment student, MemorySegment teacher,
            @Nullable MemorySegment weights, long n, long vocab, MemorySegment loss, @Nullable MemorySegment dstudent, float gradScale) {
        Checks.distill(temperature, student, teacher, weights, n, vocab, loss, dstudent);
        context.call(DISTILL, Arguments.begin(DISTILL_ARGS).i64(n).i64(vocab).i32(divergence.ordinal()).f32(temperature).pointer(student)
                .pointer(teacher).pointer(weights).pointer(loss).pointer(dstudent).f32(gradScale).i32(0));
    }
}
