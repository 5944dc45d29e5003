package org.setun.training.config;

import java.util.Locale;

/**
 * How the inputs of linear layers are rounded with {@code quantization.activations = "uniform"}; one key concerns {@code "bitnet_a48"}.
 *
 * @param range       where the range that the levels cover comes from
 * @param granularity what shares a range, if it is dynamic
 */
public record ActivationConfig(
        @Setting(value = "bits of a code", min = 2, max = 8) int bits,
        @Setting("levels around 0; false = with a zero point (dynamic, tracked), an offset (learned: LSQ+), or from 0 up (clipping)") boolean symmetric,
        @Setting("dynamic: that of the input itself; tracked: as observed in training; learned: trained scales (LSQ); clipping: trained limits (PACT)") Range range,
        @Setting("dynamic: token, tensor, or block of 256 values of a token") ActivationGranularity granularity,
        @Setting("tracked: from the smallest to the largest value, a percentile of the magnitudes, or some deviations around the mean") Statistic statistic,
        @Setting(value = "statistic = percentile: share of the magnitudes inside", min = 0.5, max = 1) double percentile,
        @Setting(value = "statistic = deviation: deviations on either side", min = 0.1, max = 100) double deviations,
        @Setting(value = "tracked: steps from one calibration to the next; 1 = every step", min = 1, max = 1e9) long calibrationFrequency,
        @Setting(value = "tracked: samples of a calibration", min = 1, max = 1e9) long calibrationSamples,
        @Setting(value = "tracked: by which share a calibration moves the range; 1 = replaces it", min = 1e-6, max = 1) double momentum,
        @Setting(value = "bitnet_a48: share of the values that the output projection sees", min = 0.01, max = 1) double keep) {

    /** Where ranges come from. */
    public enum Range {
        DYNAMIC, TRACKED, LEARNED, CLIPPING
    }

    /** What shares a range. */
    public enum ActivationGranularity {
        TOKEN, TENSOR, BLOCK
    }

    /** Which of the observed numbers make a range. */
    public enum Statistic {
        EXTREMES, PERCENTILE, DEVIATION
    }

    static ActivationConfig defaults() {
        return new ActivationConfig(8, true, Range.DYNAMIC, ActivationGranularity.TOKEN, Statistic.EXTREMES, 0.999, 3, 1, 1, 0.1, 0.55);
    }

    /** Checks what involves more than one key. */
    void validate(TrainingConfig.ActivationQuantizer kind) {
        ConfigChecks.require(granularity == ActivationGranularity.TOKEN || range == Range.DYNAMIC, "activations.granularity",
                granularity.name().toLowerCase(Locale.ROOT), "tracked and learned ranges are those of a whole input; leave it out");
        ConfigChecks.require(range == Range.DYNAMIC || kind == TrainingConfig.ActivationQuantizer.UNIFORM, "activations.range",
                range.name().toLowerCase(Locale.ROOT), "needs quantization.activations = \"uniform\"");
    }
}
