package org.setun.quant.calibration;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

class LogHistogramTest {

    private final SplittableRandom random = new SplittableRandom(3);

    private float[] values(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * Math.exp(2 * random.nextGaussian()));
        }
        return values;
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.001, 0.25, 0.5, 0.9, 0.999, 1})
    void quantilesAreWithinOneBinOfTheExactOnes(double p) {
        float[] values = values(20_000);
        LogHistogram histogram = new LogHistogram();
        histogram.add(values, 0, 7);
        histogram.add(values, 7, values.length - 7);
        Arrays.sort(values);
        requireClose(histogram.quantile(p), values, p);
        float[] magnitudes = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            magnitudes[i] = Math.abs(values[i]);
        }
        Arrays.sort(magnitudes);
        requireClose(histogram.magnitudeQuantile(p), magnitudes, p);
    }

    private static void requireClose(double actual, float[] sorted, double p) {
        int rank = (int) Math.clamp(Math.ceil(p * sorted.length) - 1, 0, sorted.length - 1);
        assertThat(actual).isCloseTo(sorted[rank], within(Math.abs(sorted[rank]) / LogHistogram.PER_OCTAVE + 1e-9));
    }

    @Test
    void extremesHaveAPlace() {
        LogHistogram histogram = new LogHistogram();
        assertThat(histogram.quantile(0.5)).isNaN();
        histogram.add(new float[]{0, -0f, Float.MIN_VALUE, 1e-20f, -1e30f, Float.MAX_VALUE}, 0, 6);
        assertThat(histogram.total()).isEqualTo(6);
        assertThat(histogram.counts()[LogHistogram.BINS / 2]).isEqualTo(4);
        assertThat(histogram.counts()[0]).isEqualTo(1);
        assertThat(histogram.counts()[LogHistogram.BINS - 1]).isEqualTo(1);
        assertThat(histogram.quantile(0.5)).isZero();
    }

    @Test
    void countsMakeTheSameHistogram() {
        LogHistogram histogram = new LogHistogram();
        histogram.add(values(1000), 0, 1000);
        LogHistogram copy = new LogHistogram(histogram.counts());
        assertThat(copy.total()).isEqualTo(1000);
        assertThat(copy.quantile(0.3)).isEqualTo(histogram.quantile(0.3));
        assertThatThrownBy(() -> new LogHistogram(new long[3])).isInstanceOf(IllegalArgumentException.class);
        long[] counts = new long[LogHistogram.BINS];
        counts[5] = -1;
        assertThatThrownBy(() -> new LogHistogram(counts)).hasMessageContaining("counts[5]");
        counts[5] = Long.MAX_VALUE;
        counts[6] = 1;
        assertThatThrownBy(() -> new LogHistogram(counts)).hasMessageContaining("counts[6]");
        assertThatThrownBy(() -> copy.quantile(1.5)).isInstanceOf(IllegalArgumentException.class);
    }
}
