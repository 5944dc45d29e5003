package org.setun.training.lm;

import org.jspecify.annotations.Nullable;
import org.setun.kernels.QuantLevels;
import org.setun.nn.ActivationQuantizer;
import org.setun.quant.Granularity;
import org.setun.quant.Int8Absmax;
import org.setun.quant.activation.ActivationPresets;
import org.setun.quant.activation.HadamardRows;
import org.setun.quant.activation.LearnedRows;
import org.setun.quant.activation.RangeRule;
import org.setun.quant.activation.RangeSource;
import org.setun.quant.activation.TrackedRows;
import org.setun.quant.activation.UniformRows;
import org.setun.training.config.ActivationConfig;
import org.setun.training.config.TrainingConfig;

/** The quantizers of activations that a configuration describes. */
final class ActivationFactory {

    private ActivationFactory() {
    }

    static @Nullable ActivationQuantizer of(TrainingConfig config) {
        return switch (config.quantization().activations()) {
            case INT8 -> new Int8Absmax();
            case HADAMARD_INT8 -> new HadamardRows(new Int8Absmax());
            case INT4 -> UniformRows.int4();
            case BITNET_A48 -> ActivationPresets.bitnetA48(config.activations().keep());
            case BITNET_V2 -> ActivationPresets.bitnetV2(8);
            case BITNET_V2_INT4 -> ActivationPresets.bitnetV2(4);
            case UNIFORM -> uniform(config.activations());
            case NONE -> null;
        };
    }

    private static ActivationQuantizer uniform(ActivationConfig settings) {
        QuantLevels levels = settings.symmetric() ? QuantLevels.symmetric(settings.bits()) : QuantLevels.signed(settings.bits());
        return switch (settings.range()) {
            case DYNAMIC -> new UniformRows(levels, settings.symmetric() ? RangeRule.ABSMAX : RangeRule.MIN_MAX, granularity(settings));
            case TRACKED -> new TrackedRows(levels, !settings.symmetric(), source(settings),
                    new TrackedRows.Windows(settings.calibrationFrequency(), settings.calibrationSamples(), settings.momentum()));
            case LEARNED -> LearnedRows.lsq(levels, !settings.symmetric());
            case CLIPPING -> LearnedRows.pact(settings.symmetric() ? levels : QuantLevels.unsigned(settings.bits()));
        };
    }

    private static Granularity granularity(ActivationConfig settings) {
        return switch (settings.granularity()) {
            case TOKEN -> Granularity.CHANNEL;
            case TENSOR -> Granularity.TENSOR;
            case BLOCK -> Granularity.BLOCK;
        };
    }

    private static RangeSource source(ActivationConfig settings) {
        return switch (settings.statistic()) {
            case EXTREMES -> RangeSource.extremes();
            case PERCENTILE -> RangeSource.percentile(settings.percentile());
            case DEVIATION -> RangeSource.deviation(settings.deviations());
        };
    }
}
