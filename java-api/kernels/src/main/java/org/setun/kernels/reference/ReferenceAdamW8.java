package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.OptimOps;
import org.setun.kernels.OptimOps.AdamW;

import static org.setun.kernels.reference.Segments.f32;
import static org.setun.kernels.reference.Segments.i8;

/** AdamW with moments of 8 bits (arXiv 2110.02861). */
final class ReferenceAdamW8 {

    private static final int BLOCK = OptimOps.ADAMW8_BLOCK;

    private ReferenceAdamW8() {
    }

    static void update(AdamW step, long count, MemorySegment w, MemorySegment g, MemorySegment m, MemorySegment v, MemorySegment mScale,
            MemorySegment vScale, @Nullable MemorySegment gradFactor) {
        float factor = gradFactor == null ? 1 : f32(gradFactor, 0);
        if (factor == 0) {
            return;
        }
        float root = (float) Math.sqrt(step.bias2());
        float rate = step.lr() * root / step.bias1();
        float keep = 1 - step.lr() * step.weightDecay();
        float eps = step.eps() * root;
        for (long first = 0; first < count; first += BLOCK) {
            long block = first / BLOCK;
            float meanScale = step.beta1() * f32(mScale, block);
            float varianceScale = step.beta2() * f32(vScale, block);
            float[] mean = new float[(int) Math.min(BLOCK, count - first)];
            float[] variance = new float[mean.length];
            for (int j = 0; j < mean.length; j++) {
                long i = first + j;
                float gradient = f32(g, i) * factor;
                mean[j] = DynamicMap.SIGNED.level(i8(m, i), meanScale) + (1 - step.beta1()) * gradient;
                variance[j] = DynamicMap.UNSIGNED.level(i8(v, i), varianceScale) + (1 - step.beta2()) * gradient * gradient;
                f32(w, i, f32(w, i) * keep - mean[j] * rate / ((float) Math.sqrt(variance[j]) + eps));
            }
            f32(mScale, block, encode(DynamicMap.SIGNED, mean, m, first));
            f32(vScale, block, encode(DynamicMap.UNSIGNED, variance, v, first));
        }
    }

    /** Writes the codes of a block and returns its scale. */
    private static float encode(DynamicMap map, float[] x, MemorySegment codes, long first) {
        float scale = 0;
        for (float value : x) {
            scale = Float.isNaN(value) ? Float.NaN : Math.max(scale, Math.abs(value));
        }
        if (!Float.isFinite(scale)) {
            scale = Float.NaN;
        } else if (scale < Float.MIN_NORMAL) {
            scale = 0;
        }
        float inverse = scale > 0 ? 1 / scale : 0;
        for (int j = 0; j < x.length; j++) {
            i8(codes, first + j, scale > 0 ? map.code(x[j] * inverse) : 0);
        }
        return scale;
    }
}
