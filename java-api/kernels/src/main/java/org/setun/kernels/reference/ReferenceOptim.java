package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.OptimOps.AdamW;

import static org.setun.kernels.reference.Segments.f32;
import static org.setun.kernels.reference.Segments.f64;

/** Global-norm clipping and AdamW (arXiv 1711.05101). */
final class ReferenceOptim {

    private ReferenceOptim() {
    }

    static void clipFactor(MemorySegment sums, long count, float maxNorm, MemorySegment out) {
        double total = 0;
        for (long i = 0; i < count; i++) {
            total += f64(sums, i);
        }
        float norm = (float) Math.sqrt(total);
        float factor = 1;
        if (!Float.isFinite(norm)) {
            factor = 0;
        } else if (maxNorm > 0 && norm > maxNorm) {
            factor = maxNorm / norm;
        }
        f32(out, 0, norm);
        f32(out, 1, factor);
    }

    /** Every operation is one fp32 operation in the order written; no fused multiply-add. */
    static void adamW(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor) {
        float factor = gradFactor == null ? 1 : f32(gradFactor, 0);
        if (factor == 0) {
            return;
        }
        for (long i = 0; i < count; i++) {
            float gradient = f32(g, i) * factor;
            float mean = step.beta1() * f32(m, i) + (1 - step.beta1()) * gradient;
            float variance = step.beta2() * f32(v, i) + (1 - step.beta2()) * gradient * gradient;
            float root = (float) Math.sqrt(variance / step.bias2());
            float weight = f32(w, i);
            f32(m, i, mean);
            f32(v, i, variance);
            f32(w, i, weight - step.lr() * (mean / step.bias1() / (root + step.eps()) + step.weightDecay() * weight));
        }
    }
}
