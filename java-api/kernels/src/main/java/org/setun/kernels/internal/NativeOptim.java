package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.OptimOps;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** The functions of {@code setun/optim.h}. */
public final class NativeOptim implements OptimOps {

    private static final Struct ADAMW_ARGS = Downcalls.struct("setun_adamw_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("count"), ADDRESS.withName("w"), ADDRESS.withName("g"), ADDRESS.withName("m"), ADDRESS.withName("v"),
            JAVA_FLOAT.withName("lr"), JAVA_FLOAT.withName("beta1"), JAVA_FLOAT.withName("beta2"), JAVA_FLOAT.withName("eps"),
            JAVA_FLOAT.withName("weight_decay"), JAVA_FLOAT.withName("bias1"), JAVA_FLOAT.withName("bias2"), JAVA_INT.withName("coupled"),
            ADDRESS.withName("grad_factor"), ADDRESS.withName("direction"));
    private static final Struct SGD_ARGS = Downcalls.struct("setun_sgd_args", JAVA_LONG.withName("size"), JAVA_LONG.withName("count"),
            ADDRESS.withName("w"), ADDRESS.withName("g"), ADDRESS.withName("m"), JAVA_FLOAT.withName("lr"), JAVA_FLOAT.withName("momentum"),
            JAVA_FLOAT.withName("weight_decay"), JAVA_INT.withName("nesterov"), ADDRESS.withName("grad_factor"));
    private static final Struct LION_ARGS = Downcalls.struct("setun_lion_args", JAVA_LONG.withName("size"), JAVA_LONG.withName("count"),
            ADDRESS.withName("w"), ADDRESS.withName("g"), ADDRESS.withName("m"), JAVA_FLOAT.withName("lr"), JAVA_FLOAT.withName("beta1"),
            JAVA_FLOAT.withName("beta2"), JAVA_FLOAT.withName("weight_decay"), ADDRESS.withName("grad_factor"));
    private static final Struct ADAMW8_ARGS = Downcalls.struct("setun_adamw8_args", JAVA_LONG.withName("size"), JAVA_LONG.withName("count"),
            ADDRESS.withName("w"), ADDRESS.withName("g"), ADDRESS.withName("m"), ADDRESS.withName("v"), ADDRESS.withName("m_scale"),
            ADDRESS.withName("v_scale"), JAVA_FLOAT.withName("lr"), JAVA_FLOAT.withName("beta1"), JAVA_FLOAT.withName("beta2"),
            JAVA_FLOAT.withName("eps"), JAVA_FLOAT.withName("weight_decay"), JAVA_FLOAT.withName("bias1"), JAVA_FLOAT.withName("bias2"),
            ADDRESS.withName("grad_factor"));
    private static final Struct ADAFACTOR_ARGS = Downcalls.struct("setun_adafactor_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("rows"), JAVA_LONG.withName("columns"), ADDRESS.withName("w"), ADDRESS.withName("g"),
            ADDRESS.withName("row"), ADDRESS.withName("column"), JAVA_FLOAT.withName("lr"), JAVA_FLOAT.withName("beta2"),
            JAVA_FLOAT.withName("eps"), JAVA_FLOAT.withName("clip"), JAVA_FLOAT.withName("weight_decay"), ADDRESS.withName("grad_factor"));
    private static final Struct TRACK_CODES_ARGS = Downcalls.struct("setun_track_codes_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("count"), ADDRESS.withName("codes"), ADDRESS.withName("previous"), ADDRESS.withName("direction"),
            ADDRESS.withName("oscillation"), ADDRESS.withName("average"), ADDRESS.withName("frozen"), JAVA_FLOAT.withName("momentum"),
            JAVA_FLOAT.withName("threshold"), ADDRESS.withName("counts"));
    private static final Struct CONSTRAIN_WEIGHTS_ARGS = Downcalls.struct("setun_constrain_weights_args", JAVA_LONG.withName("size"),
            JAVA_LONG.withName("groups"), JAVA_LONG.withName("group"), ADDRESS.withName("w"), ADDRESS.withName("scales"),
            ADDRESS.withName("frozen"), JAVA_FLOAT.withName("limit"), JAVA_FLOAT.withName("shift"), JAVA_FLOAT.withName("divisions"),
            ADDRESS.withName("counts"));
    private static final MethodHandle SUM = Downcalls.operation("setun_sum", ADDRESS, JAVA_LONG, ADDRESS);
    private static final MethodHandle SUM_SQUARES = Downcalls.operation("setun_sum_squares", ADDRESS, JAVA_LONG, ADDRESS);
    private static final MethodHandle CLIP_FACTOR = Downcalls.operation("setun_clip_factor", ADDRESS, JAVA_LONG, JAVA_FLOAT, ADDRESS);
    private static final Operation ADAMW = Downcalls.described("setun_adamw");
    private static final Operation SGD = Downcalls.described("setun_sgd");
    private static final Operation LION = Downcalls.described("setun_lion");
    private static final Operation ADAMW8 = Downcalls.described("setun_adamw8");
    private static final Operation TRACK_CODES = Downcalls.described("setun_track_codes");
    private static final Operation CONSTRAIN_WEIGHTS = Downcalls.described("setun_constrain_weights");
    private static final Operation ADAFACTOR = Downcalls.described("setun_adafactor");

    private final NativeContext context;

    public NativeOptim(NativeContext context) {
        this.context = context;
    }

    @Override
    public void sum(MemorySegment x, long count, MemorySegment out) {
        Checks.sum(x, count, out);
        context.enter();
        try {
            context.done((int) SUM.invokeExact(context.pointer(), x, count, out));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void sumSquares(MemorySegment x, long count, MemorySegment out) {
        Checks.sum(x, count, out);
        context.enter();
        try {
            context.done((int) SUM_SQUARES.invokeExact(context.pointer(), x, count, out));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void clipFactor(MemorySegment sums, long count, float maxNorm, MemorySegment out) {
        Checks.clipFactor(sums, count, out);
        context.enter();
        try {
            context.done((int) CLIP_FACTOR.invokeExact(context.pointer(), sums, count, maxNorm, out));
        } catch (Throwable e) {
            throw NativeContext.unchecked(e);
        } finally {
            context.leave();
        }
    }

    @Override
    public void adamW(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor) {
        adam(step, false, count, w, g, m, v, gradFactor, null);
    }

    @Override
    public void adam(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor) {
        adam(step, true, count, w, g, m, v, gradFactor, null);
    }

    @Override
    public void adamDirection(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor, MemorySegment direction) {
        Checks.direction(count, direction);
        adam(step, false, count, w, g, m, v, gradFactor, direction);
    }

    private void adam(AdamW step, boolean coupled, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor, @Nullable MemorySegment direction) {
        Checks.adamW(step, count, w, g, m, v, gradFactor);
        context.call(ADAMW,
                Arguments.begin(ADAMW_ARGS).i64(count).pointer(w).pointer(g).pointer(m).pointer(v).f32(step.lr()).f32(step.beta1())
                        .f32(step.beta2()).f32(step.eps()).f32(step.weightDecay()).f32(step.bias1()).f32(step.bias2()).flag(coupled)
                        .pointer(gradFactor).pointer(direction));
    }

    @Override
    public void sgd(Sgd step, long count, MemorySegment w, MemorySegment g, @Nullable MemorySegment m, @Nullable MemorySegment gradFactor) {
        Checks.sgd(step, count, w, g, m, gradFactor);
        context.call(SGD, Arguments.begin(SGD_ARGS).i64(count).pointer(w).pointer(g).pointer(m).f32(step.lr()).f32(step.momentum())
                .f32(step.weightDecay()).flag(step.nesterov()).pointer(gradFactor));
    }

    @Override
    public void lion(Lion step, long count, MemorySegment w, MemorySegment g, MemorySegment m, @Nullable MemorySegment gradFactor) {
        Checks.lion(count, w, g, m, gradFactor);
        context.call(LION, Arguments.begin(LION_ARGS).i64(count).pointer(w).pointer(g).pointer(m).f32(step.lr()).f32(step.beta1())
                .f32(step.beta2()).f32(step.weightDecay()).pointer(gradFactor));
    }

    @Override
    public void adamW8(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v, MemorySegment mScale,
            MemorySegment vScale, @Nullable MemorySegment gradFactor) {
        Checks.adamW8(step, count, w, g, m, v, mScale, vScale, gradFactor);
        context.call(ADAMW8,
                Arguments.begin(ADAMW8_ARGS).i64(count).pointer(w).pointer(g).pointer(m).pointer(v).pointer(mScale).pointer(vScale)
                        .f32(step.lr()).f32(step.beta1()).f32(step.beta2()).f32(step.eps()).f32(step.weightDecay()).f32(step.bias1())
                        .f32(step.bias2()).pointer(gradFactor));
    }

    @Override
    public void adafactor(Adafactor step, long rows, long columns, MemorySegment w, MemorySegment g, MemorySegment row,
            MemorySegment column, @Nullable MemorySegment gradFactor) {
        Checks.adafactor(step, rows, columns, w, g, row, column, gradFactor);
        context.call(ADAFACTOR, Arguments.begin(ADAFACTOR_ARGS).i64(rows).i64(columns).pointer(w).pointer(g).pointer(row).pointer(column)
                .f32(step.lr()).f32(step.beta2()).f32(step.eps()).f32(step.clip()).f32(step.weightDecay()).pointer(gradFactor));
    }

    @Override
    public void trackCodes(CodeTracking how, long count, MemorySegment codes, MemorySegment previous, MemorySegment direction,
            @Nullable MemorySegment oscillation, @Nullable MemorySegment average, @Nullable MemorySegment frozen, MemorySegment counts) {
        Checks.trackCodes(count, codes, previous, direction, oscillation, average, frozen, counts);
        context.call(TRACK_CODES,
                Arguments.begin(TRACK_CODES_ARGS).i64(count).pointer(codes).pointer(previous).pointer(direction).pointer(oscillation)
                        .pointer(average).pointer(frozen).f32(how.momentum()).f32(how.threshold()).pointer(counts));
    }

    @Override
    public void constrainWeights(WeightLimit limit, long groups, long group, MemorySegment w, MemorySegment scales,
            @Nullable MemorySegment frozen, MemorySegment counts) {
        Checks.constrainWeights(limit, groups, group, w, scales, frozen, counts);
        context.call(CONSTRAIN_WEIGHTS, Arguments.begin(CONSTRAIN_WEIGHTS_ARGS).i64(groups).i64(group).pointer(w).pointer(scales)
                .pointer(frozen).f32(limit.limit()).f32(limit.shift()).f32(limit.divisions()).pointer(counts));
    }
}
