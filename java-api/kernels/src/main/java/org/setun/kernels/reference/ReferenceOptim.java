package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.OptimOps.AdamW;
import org.setun.kernels.OptimOps.Lion;
import org.setun.kernels.OptimOps.Sgd;

import static org.setun.kernels.reference.Segments.f32;
import static org.setun.kernels.reference.Segments.f64;

/** Global-norm clipping and updates: Adam (arXiv 1412.6980), AdamW (arXiv 1711.05101), SGD, Lion (arXiv 2302.06675). */
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

    /**
     * Every operation is one fp32 operation in the order written; no fused multiply-add.
     *
     * @param coupled   the decay is part of the gradient (Adam, arXiv 1412.6980)
     * @param direction gets the step without the rate, and w stays; or null
     */
    static void adam(AdamW step, boolean coupled, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v,
            @Nullable MemorySegment gradFactor, @Nullable MemorySegment direction) {
        float factor = gradFactor == null ? 1 : f32(gradFactor, 0);
        if (factor == 0) {
            return;
        }
        for (long i = 0; i < count; i++) {
            float weight = f32(w, i);
            float gradient = f32(g, i) * factor;
            if (coupled) {
                gradient = gradient + step.weightDecay() * weight;
            }
            float mean = step.beta1() * f32(m, i) + (1 - step.beta1()) * gradient;
            float variance = step.beta2() * f32(v, i) + (1 - step.beta2()) * gradient * gradient;
            float root = (float) Math.sqrt(variance / step.bias2());
            float change = mean / step.bias1() / (root + step.eps());
            if (!coupled) {
                change = change + step.weightDecay() * weight;
            }
            f32(m, i, mean);
            f32(v, i, variance);
            if (direction == null) {
                f32(w, i, weight - step.lr() * change);
            } else {
                f32(direction, i, change);
            }
        }
    }

    static void sgd(Sgd step, long count, MemorySegment w, MemorySegment g, @Nullable MemorySegment m, @Nullable MemorySegment gradFactor) {
        float factor = gradFactor == null ? 1 : f32(gradFactor, 0);
        if (factor == 0) {
            return;
        }
        for (long i = 0; i < count; i++) {
            float weight = f32(w, i);
            float change = f32(g, i) * factor + step.weightDecay() * weight;
            if (m != null) {
                float velocity = step.momentum() * f32(m, i) + change;
                f32(m, i, velocity);
                change = step.nesterov() ? change + step.momentum() * velocity : velocity;
            }
            f32(w, i, weight - step.lr() * change);
        }
    }

    static void lion(Lion step, long count, MemorySegment w, MemorySegment g, MemorySegment m, @Nullable MemorySegment gradFactor) {
        float factor = gradFactor == null ? 1 : f32(gradFactor, 0);
        if (factor == 0) {
            return;
        }
        for (long i = 0; i < count; i++) {
            float weight = f32(w, i);
            float gradient = f32(g, i) * factor;
            float mean = f32(m, i);
            float direction = Math.signum(step.beta1() * mean + (1 - step.beta1()) * gradient);
            f32(w, i, weight - step.lr() * (direction + step.weightDecay() * weight));
            f32(m, i, step.beta2() * mean + (1 - step.beta2()) * gradient);
        }
    }
}
