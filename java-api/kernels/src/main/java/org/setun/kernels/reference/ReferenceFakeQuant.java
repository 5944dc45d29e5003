package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantOps;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;

import static org.setun.kernels.reference.Segments.f32;
import static org.setun.kernels.reference.Segments.f64;
import static org.setun.kernels.reference.Segments.i8;

/** Fake quantization: every operation is one fp32 operation in the order written ({@code setun/fakequant.h}). */
final class ReferenceFakeQuant {

    private static final int STREAM_FRACTION = 1;
    private static final int STREAM_NOISE = 2;

    /** A value of a group in units of the scale and in codes; {@code inside} where a hard estimator lets the gradient pass. */
    private record Coded(float z, float u, float code, float level, boolean inside) {
    }

    private final FakeQuantRule rule;
    private final QuantLevels levels;
    private final Estimator estimator;
    private final long group;
    private final float scale;
    private final float inverse;
    private final float offset;

    private ReferenceFakeQuant(FakeQuantRule rule, long group, MemorySegment scales, @Nullable MemorySegment offsets) {
        this.rule = rule;
        this.group = group;
        levels = rule.levels();
        estimator = rule.estimator();
        float given = f32(scales, group);
        scale = given < FakeQuantRule.LEAST_SCALE ? FakeQuantRule.LEAST_SCALE : given;
        inverse = 1 / scale;
        offset = offsets == null ? 0 : f32(offsets, group);
    }

    static void forward(FakeQuantRule rule, long groups, long group, MemorySegment v, MemorySegment scale, @Nullable MemorySegment offset,
            @Nullable MemorySegment value, @Nullable MemorySegment codes, @Nullable MemorySegment sums) {
        for (long g = 0; g < groups; g++) {
            ReferenceFakeQuant quant = new ReferenceFakeQuant(rule, g, scale, offset);
            float[] latents = Segments.floats(v, g * group, group);
            float[] values = new float[latents.length];
            float[] errors = new float[latents.length];
            for (int i = 0; i < latents.length; i++) {
                float code = quant.chosenCode(latents[i], i);
                values[i] = quant.value(latents[i], i);
                errors[i] = values[i] - latents[i];
                if (codes != null) {
                    i8(codes, g * group + i, (int) (Float.isNaN(code) ? quant.clamped(0) : code));
                }
            }
            if (value != null) {
                Segments.floats(values, value, g * group);
            }
            if (sums != null) {
                f64(sums, g * FakeQuantOps.SUMS, FixedSums.squares(latents));
                f64(sums, g * FakeQuantOps.SUMS + 1, FixedSums.squares(errors));
                f64(sums, g * FakeQuantOps.SUMS + 2, FixedSums.products(latents, values));
                f64(sums, g * FakeQuantOps.SUMS + 3, largest(errors));
            }
        }
    }

    static void backward(FakeQuantRule rule, long groups, long group, MemorySegment v, MemorySegment scale, @Nullable MemorySegment offset,
            MemorySegment g, @Nullable MemorySegment dv, @Nullable MemorySegment dscale, @Nullable MemorySegment doffset,
            float scaleFactor) {
        for (long row = 0; row < groups; row++) {
            ReferenceFakeQuant quant = new ReferenceFakeQuant(rule, row, scale, offset);
            float[] latents = Segments.floats(v, row * group, group);
            float[] gradients = Segments.floats(g, row * group, group);
            float[] scales = new float[latents.length];
            float[] offsets = new float[latents.length];
            for (int i = 0; i < latents.length; i++) {
                float[] parts = quant.gradients(latents[i], gradients[i], i);
                gradients[i] = parts[0];
                scales[i] = parts[1];
                offsets[i] = parts[2];
            }
            if (dv != null) {
                Segments.floats(gradients, dv, row * group);
            }
            add(dscale, row, scales, scaleFactor);
            add(doffset, row, offsets, scaleFactor);
        }
    }

    private static void add(@Nullable MemorySegment sums, long row, float[] terms, float factor) {
        if (sums != null && terms.length > 0) {
            f32(sums, row, f32(sums, row) + (float) (FixedSums.wide(terms) * factor));
        }
    }

    private static double largest(float[] errors) {
        float most = 0;
        for (float error : errors) {
            if (!Float.isFinite(error)) {
                return Double.NaN;
            }
            most = Math.max(most, Math.abs(error));
        }
        return most;
    }

    private float clamped(float u) {
        return Math.min(levels.highest(), Math.max(levels.lowest(), u));
    }

    private float level(float code) {
        return (code + levels.shift()) * (1 / levels.divisions());
    }

    private Coded coded(float v) {
        float z = (v - offset) * inverse;
        float u = z * levels.divisions() - levels.shift();
        float code = (float) Math.rint(clamped(u)) + 0f;
        boolean inside = switch (estimator) {
            case Estimator.Identity e -> !Float.isNaN(v);
            case Estimator.ClippedValue e -> Math.abs(v - offset) <= e.bound();
            case Estimator.Lsq e -> e.limit() > 0 ? Math.abs(z) <= e.limit() : u > levels.lowest() && u < levels.highest();
            case Estimator.Pact e -> u > levels.lowest() && u < levels.highest();
            default -> estimator.limit() > 0 ? Math.abs(z) <= estimator.limit() : u >= levels.lowest() && u <= levels.highest();
        };
        return new Coded(z, u, code, level(code), inside);
    }

    private boolean isQuantized(int index) {
        return rule.fraction() >= 1
                || SmoothQuant.uniform(SmoothQuant.key(rule.seed(), group, STREAM_FRACTION), index / rule.block()) < rule
                        .fraction();
    }

    private float chosenCode(float v, int index) {
        Coded coded = coded(v);
        return estimator instanceof Estimator.Gumbel gumbel
                ? SmoothQuant.gumbel(gumbel, levels, rule.seed(), group, index, coded.u).likeliest()
                : coded.code;
    }

    private float value(float v, int index) {
        Coded coded = coded(v);
        float level = coded.level;
        if (estimator.isSmooth()) {
            level = level(estimator.hard() ? chosenCode(v, index) : smooth(coded.u, index).value());
        }
        float value = level * scale + offset;
        if (!isQuantized(index)) {
            value = v;
        } else if (rule.mix() != 1) {
            value = v + rule.mix() * (value - v);
        }
        if (rule.noise() > 0) {
            float step = scale * (1 / levels.divisions()) * rule.noise();
            value = value + step * (SmoothQuant.uniform(SmoothQuant.key(rule.seed(), group, STREAM_NOISE), index) - 0.5f);
        }
        return value;
    }

    private SmoothQuant smooth(float u, int index) {
        return switch (estimator) {
            case Estimator.Staircase e -> SmoothQuant.staircase(e, levels, u);
            case Estimator.Dsq e -> SmoothQuant.dsq(e, levels, u);
            case Estimator.Gumbel e -> SmoothQuant.gumbel(e, levels, rule.seed(), group, index, u);
            default -> throw new IllegalStateException(estimator + " is not smooth");
        };
    }

    /** Of the value, the scale and the offset. */
    private float[] gradients(float v, float g, int index) {
        if (!isQuantized(index)) {
            return new float[]{g, 0, 0};
        }
        Coded coded = coded(v);
        float[] parts;
        if (estimator.isSmooth()) {
            SmoothQuant smooth = smooth(coded.u, index);
            float level = level(estimator.hard() ? smooth.likeliest(coded.code) : smooth.value());
            parts = new float[]{g * smooth.slope(), g * (level - coded.z * smooth.slope()), g - g * smooth.slope()};
        } else {
            float term = estimator instanceof Estimator.Pact ? 0 : coded.level - coded.z;
            parts = new float[]{gradient(coded, g), g * (coded.inside ? term : coded.level), coded.inside ? 0 : g};
        }
        if (rule.mix() != 1) {
            parts[0] = (1 - rule.mix()) * g + rule.mix() * parts[0];
            parts[1] = rule.mix() * parts[1];
            parts[2] = rule.mix() * parts[2];
        }
        return parts;
    }

    private float gradient(Coded coded, float g) {
        float error = (coded.z - coded.level) * levels.divisions();
        if (estimator instanceof Estimator.EwgsAbsolute e) {
            return g + e.lambda() * g * Math.abs(error);
        }
        if (!coded.inside) {
            return 0;
        }
        return switch (estimator) {
            case Estimator.Ewgs e -> g + e.delta() * Math.abs(g) * error;
            case Estimator.ReSte e -> g * power(e, Math.abs(coded.z));
            case Estimator.LevelFactors e -> g * e.values().get((int) coded.code - levels.lowest());
            default -> g;
        };
    }

    private static float power(Estimator.ReSte e, float size) {
        float exponent = 1 / e.order() - 1;
        return size > e.least()
                ? FixedMath.exp(exponent * FixedMath.log(size)) * (1 / e.order())
                : FixedMath.exp(exponent * FixedMath.log(e.least()));
    }
}
