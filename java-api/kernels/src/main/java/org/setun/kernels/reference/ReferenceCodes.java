package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.OptimOps;
import org.setun.kernels.OptimOps.CodeTracking;
import org.setun.kernels.OptimOps.WeightLimit;

import static org.setun.kernels.reference.Segments.f32;
import static org.setun.kernels.reference.Segments.f64;
import static org.setun.kernels.reference.Segments.i8;

/** What codes do over the steps, and what holds weights in place (arXiv 2203.11086). */
final class ReferenceCodes {

    private static final int LEAST_CODE = -127;

    private ReferenceCodes() {
    }

    static void track(CodeTracking how, long count, MemorySegment codes, MemorySegment previous, MemorySegment direction,
            @Nullable MemorySegment oscillation, @Nullable MemorySegment average, @Nullable MemorySegment frozen, MemorySegment counts) {
        double[] totals = new double[3];
        for (long i = 0; i < count; i++) {
            int change = Integer.signum(i8(codes, i) - i8(previous, i));
            int oscillates = change * i8(direction, i) < 0 ? 1 : 0;
            totals[0] += Math.abs(change);
            totals[1] += oscillates;
            i8(previous, i, i8(codes, i));
            if (change != 0) {
                i8(direction, i, change);
            }
            if (oscillation != null && average != null) {
                f32(oscillation, i, f32(oscillation, i) + how.momentum() * (oscillates - f32(oscillation, i)));
                f32(average, i, f32(average, i) + how.momentum() * (i8(codes, i) - f32(average, i)));
                if (frozen != null && i8(frozen, i) == OptimOps.CODE_FREE && how.threshold() > 0 && f32(oscillation, i) > how.threshold()) {
                    double nearest = Math.rint(f32(average, i));
                    i8(frozen, i, (int) (nearest > LEAST_CODE ? nearest : LEAST_CODE));
                }
            }
            totals[2] += frozen != null && i8(frozen, i) != OptimOps.CODE_FREE ? 1 : 0;
        }
        for (int i = 0; i < totals.length; i++) {
            f64(counts, i, totals[i]);
        }
    }

    static void constrain(WeightLimit limit, long groups, long group, MemorySegment w, MemorySegment scales, @Nullable MemorySegment frozen,
            MemorySegment counts) {
        double cut = 0;
        double bad = 0;
        for (long i = 0; i < groups * group; i++) {
            float scale = f32(scales, i / group);
            float most = limit.limit() > 0 && scale > 0 ? limit.limit() * scale : Float.POSITIVE_INFINITY;
            float value = f32(w, i);
            bad += Float.isFinite(value) ? 0 : 1;
            if (frozen != null && i8(frozen, i) != OptimOps.CODE_FREE) {
                value = (i8(frozen, i) + limit.shift()) * (1 / limit.divisions()) * scale;
            } else if (value > most || value < -most) {
                value = value > most ? most : -most;
                cut++;
            }
            f32(w, i, value);
        }
        f64(counts, 0, cut);
        f64(counts, 1, bad);
    }
}
