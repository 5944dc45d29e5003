package org.setun.kernels.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Estimator;
import org.setun.kernels.Estimator.LevelFactors;
import org.setun.kernels.FakeQuantOps;
import org.setun.kernels.FakeQuantRule;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** The functions of {@code setun/fakequant.h}. */
public final class NativeFakeQuant implements FakeQuantOps {

    private static final Struct ARGS = Downcalls.struct("setun_fakequant_args", JAVA_LONG.withName("size"), JAVA_LONG.withName("groups"),
            JAVA_LONG.withName("group"), JAVA_INT.withName("estimator"), JAVA_INT.withName("hard"), JAVA_INT.withName("lowest"),
            JAVA_INT.withName("highest"), JAVA_FLOAT.withName("shift"), JAVA_FLOAT.withName("divisions"), JAVA_FLOAT.withName("limit"),
            JAVA_FLOAT.withName("p0"), JAVA_FLOAT.withName("p1"), JAVA_FLOAT.withName("mix"), JAVA_FLOAT.withName("noise"),
            JAVA_FLOAT.withName("fraction"), JAVA_INT.withName("block"), JAVA_FLOAT.withName("least"), JAVA_LONG.withName("seed"),
            ADDRESS.withName("v"), ADDRESS.withName("scale"), ADDRESS.withName("offset"), ADDRESS.withName("factors"),
            ADDRESS.withName("value"), ADDRESS.withName("code"), ADDRESS.withName("sums"), ADDRESS.withName("g"), ADDRESS.withName("dv"),
            ADDRESS.withName("dscale"), ADDRESS.withName("doffset"), JAVA_FLOAT.withName("scale_factor"), JAVA_INT.withName("reserved"));
    private static final Operation FORWARD = Downcalls.described("setun_fakequant_forward");
    private static final Operation BACKWARD = Downcalls.described("setun_fakequant_backward");

    private final NativeContext context;

    public NativeFakeQuant(NativeContext context) {
        this.context = context;
    }

    @Override
    public void fakeQuantForward(FakeQuantRule rule, long groups, long group, MemorySegment v, MemorySegment scale,
            @Nullable MemorySegment offset, @Nullable MemorySegment value, @Nullable MemorySegment codes, @Nullable MemorySegment sums) {
        FakeQuantChecks.forward(groups, group, v, scale, offset, value, codes, sums);
        MemorySegment factors = factors(rule.estimator());
        context.call(FORWARD, begin(rule, groups, group).pointer(v).pointer(scale).pointer(offset).pointer(factors).pointer(value)
                .pointer(codes).pointer(sums).pointer(null).pointer(null).pointer(null).pointer(null).f32(0).i32(0));
    }

    @Override
    public void fakeQuantBackward(FakeQuantRule rule, long groups, long group, MemorySegment v, MemorySegment scale,
            @Nullable MemorySegment offset, MemorySegment g, @Nullable MemorySegment dv, @Nullable MemorySegment dscale,
            @Nullable MemorySegment doffset, float scaleFactor) {
        FakeQuantChecks.backward(groups, group, v, scale, offset, g, dv, dscale, doffset);
        MemorySegment factors = factors(rule.estimator());
        context.call(BACKWARD, begin(rule, groups, group).pointer(v).pointer(scale).pointer(offset).pointer(factors).pointer(null)
                .pointer(null).pointer(null).pointer(g).pointer(dv).pointer(dscale).pointer(doffset).f32(scaleFactor).i32(0));
    }

    private static Arguments begin(FakeQuantRule rule, long groups, long group) {
        Estimator estimator = rule.estimator();
        return Arguments.begin(ARGS).i64(groups).i64(group).i32(estimator.code()).i32(estimator.hard() ? 1 : 0)
                .i32(rule.levels().lowest()).i32(rule.levels().highest()).f32(rule.levels().shift()).f32(rule.levels().divisions())
                .f32(estimator.limit()).f32(estimator.p0()).f32(estimator.p1()).f32(rule.mix()).f32(rule.noise()).f32(rule.fraction())
                .i32(rule.block()).f32(FakeQuantRule.LEAST_SCALE).i64(rule.seed());
    }

    private static @Nullable MemorySegment factors(Estimator estimator) {
        if (!(estimator instanceof LevelFactors factors)) {
            return null;
        }
        float[] values = new float[factors.values().size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = factors.values().get(i);
        }
        return Arena.ofAuto().allocateFrom(JAVA_FLOAT, values);
    }
}
