package org.setun.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.QuantLevels;
import org.setun.nn.BitLinear;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;
import org.setun.quant.qat.LearnedFakeQuantizer;
import org.setun.quant.qat.LevelQuantizer;

/**
 * A loss for weights that lie close to where rounding changes: their code is uncertain, and a small update flips it. With {@code d} the distance
 * of a weight from the nearest boundary between two levels in units of their distance, and {@code p = 1 / (1 + exp(-d / width))} the share of
 * the upper level, the uncertainty is the variance of the level in units of its greatest, {@code 4 p (1 - p)}: 1 on the boundary, almost 0 a few
 * widths away. The loss is {@code factor} times its mean; adding it to the task's drives weights off the boundaries. Input: the latent weight
 * F32[m][k]; output F64[1]. The scale of the levels counts as a constant.
 *
 * @param firstBoundary the lowest boundary, in units of the distance of two levels
 * @param boundaries    how many there are
 * @param scales        F32[g] of the present weight: one per g-th part of it
 * @param divisions     levels per unit of a scale, > 0
 * @param width         how far uncertainty reaches, as a share of the distance of two levels
 * @param factor        of the mean uncertainty
 */
public record QuantizationUncertainty(double firstBoundary, int boundaries, Tensor scales, double divisions, double width,
        float factor) implements Function {

    public QuantizationUncertainty {
        if (!(divisions > 0) || Double.isInfinite(divisions)) {
            throw new IllegalArgumentException("divisions = " + divisions + " must be > 0 and finite");
        }
        if (boundaries < 1 || !(width > 0) || Double.isInfinite(width) || !(factor >= 0) || Float.isInfinite(factor)) {
            throw new IllegalArgumentException("boundaries = " + boundaries + ", width = " + width + ", factor = " + factor
                    + ": there must be a boundary, a positive width and no negative factor, both finite");
        }
    }

    /** With a scale that is the distance of two levels. */
    public QuantizationUncertainty(double firstBoundary, int boundaries, Tensor scales, double width, float factor) {
        this(firstBoundary, boundaries, scales, 1, width, factor);
    }

    /**
     * For the weight of a layer as it is now; apply it to {@code layer.weight().value()}.
     *
     * @throws IllegalArgumentException if the layer's quantizer has no levels at equal distances
     */
    public static QuantizationUncertainty of(Backend backend, BitLinear layer, double width, float factor) {
        WeightQuantizer quantizer = Objects.requireNonNull(layer.quantization().weights(), "the layer quantizes no weight");
        QuantizedWeight weight = layer.quantizedWeight(backend);
        return switch (quantizer) {
            case TernaryAbsmean ternary -> new QuantizationUncertainty(-0.5, 2, weight.scales(), width, factor);
            case UniformMean uniform -> {
                int half = 1 << uniform.bits() - 1;
                yield new QuantizationUncertainty(1 - half, 2 * half - 1, weight.scales(), width, factor);
            }
            case LearnedFakeQuantizer learned when learned.hasOffset() ->
                throw new IllegalArgumentException(
                        layer.weight().name() + " has learned offsets, whose boundaries between levels are not known here");
            case LevelQuantizer level -> {
                QuantLevels levels = level.rule().levels();
                yield new QuantizationUncertainty(levels.lowest() + levels.shift() + 0.5, levels.highest() - levels.lowest(),
                        weight.scales(), levels.divisions(), width, factor);
            }
            default -> throw new IllegalArgumentException("quantizer " + quantizer.name() + " has no levels at equal distances");
        };
    }

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor w = inputs[0].require("w", DType.F32, -1, -1);
        if (scales.size() == 0 || w.size() % scales.size() != 0) {
            throw new IllegalArgumentException("scales is " + scales + ", must have one value, or one per part of " + w + " of equal size");
        }
        float[] factors = scales.toArray();
        MemorySegment values = w.segment();
        double sum = 0;
        for (long i = 0; i < w.size(); i++) {
            double p = upperShare(values.getAtIndex(ValueLayout.JAVA_FLOAT, i), scale(factors, i, w.size()));
            sum += 4 * p * (1 - p);
        }
        Tensor loss = context.allocate(DType.F64, 1);
        loss.segment().set(ValueLayout.JAVA_DOUBLE, 0, factor * sum / w.size());
        return new Tensor[]{loss};
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        Tensor w = context.input(0);
        double outer = factor / (double) w.size() * Objects.requireNonNull(outputGradients[0]).item();
        Tensor gradient = context.borrow(DType.F32, w.shape());
        float[] factors = scales.toArray();
        MemorySegment values = w.segment();
        MemorySegment out = gradient.segment();
        for (long i = 0; i < w.size(); i++) {
            double scale = scale(factors, i, w.size());
            double p = upperShare(values.getAtIndex(ValueLayout.JAVA_FLOAT, i), scale);
            out.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (outer * 4 * p * (1 - p) * (1 - 2 * p) / (width * scale)));
        }
        return new Tensor[]{gradient};
    }

    private double upperShare(float w, double scale) {
        double x = w / scale - firstBoundary;
        double distance = x - Math.clamp(Math.rint(x), 0, boundaries - 1);
        return 1 / (1 + Math.exp(-distance / width));
    }

    /** The distance of two levels at a place. */
    private double scale(float[] factors, long index, long size) {
        return factors[(int) (index / (size / factors.length))] / divisions;
    }
}
