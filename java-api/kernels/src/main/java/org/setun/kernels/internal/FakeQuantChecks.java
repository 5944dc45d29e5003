package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.FakeQuantOps;
import org.setun.kernels.internal.Require.Type;

import static org.setun.kernels.internal.Require.matrix;
import static org.setun.kernels.internal.Require.vector;
import static org.setun.kernels.internal.Require.writable;

/** The arguments of fake quantization, checked before anything runs; see {@link Checks}. */
public final class FakeQuantChecks {

    private FakeQuantChecks() {
    }

    public static void forward(long groups, long group, MemorySegment v, MemorySegment scale, @Nullable MemorySegment offset,
            @Nullable MemorySegment value, @Nullable MemorySegment codes, @Nullable MemorySegment sums) {
        inputs(groups, group, v, scale, offset);
        written("value", value, Type.F32, groups, group);
        written("codes", codes, Type.I8, groups, group);
        written("sums", sums, Type.F64, groups, FakeQuantOps.SUMS);
    }

    public static void backward(long groups, long group, MemorySegment v, MemorySegment scale, @Nullable MemorySegment offset,
            MemorySegment g, @Nullable MemorySegment dv, @Nullable MemorySegment dscale, @Nullable MemorySegment doffset) {
        inputs(groups, group, v, scale, offset);
        matrix("g", g, Type.F32, "groups", groups, "group", group);
        written("dv", dv, Type.F32, groups, group);
        written("dscale", dscale, Type.F32, groups, 1);
        written("doffset", doffset, Type.F32, groups, 1);
    }

    private static void inputs(long groups, long group, MemorySegment v, MemorySegment scale, @Nullable MemorySegment offset) {
        if (group > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("group = " + group + " must be below 2^31");
        }
        matrix("v", v, Type.F32, "groups", groups, "group", group);
        vector("scale", scale, Type.F32, "groups", groups);
        if (offset != null) {
            vector("offset", offset, Type.F32, "groups", groups);
        }
    }

    private static void written(String name, @Nullable MemorySegment segment, Type type, long groups, long group) {
        if (segment != null) {
            matrix(name, segment, type, "groups", groups, "values per group", group);
            writable(name, segment);
        }
    }
}
