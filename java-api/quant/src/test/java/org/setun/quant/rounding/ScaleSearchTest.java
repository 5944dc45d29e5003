package org.setun.quant.rounding;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

class ScaleSearchTest {

    private static float[] normal(long seed, int count) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static double error(Grid grid, float scale, float[] x, float[] importance) {
        float[] point = new float[1];
        double error = 0;
        for (int i = 0; i < x.length; i++) {
            grid.nearest(x, i, 1 / scale, point, 0);
            error += (importance == null ? 1 : importance[i]) * Math.pow(x[i] - scale * point[0], 2);
        }
        return error / x.length;
    }

    @Test
    void absmaxAndPercentileAreOrderStatistics() {
        float[] x = new float[1000];
        for (int i = 0; i < 1000; i++) {
            x[i] = (i % 2 == 0 ? 1 : -1) * (i + 1);
        }
        Grid grid = Grid.integers(7);
        assertThat(ScaleSearch.absmax().scale(grid, x, 0, 1000, null)).isEqualTo(1000f / 7);
        assertThat(ScaleSearch.percentile(0.99).scale(grid, x, 0, 1000, null)).isEqualTo(990f / 7);
        assertThat(ScaleSearch.percentile(1).scale(grid, x, 0, 1000, null)).isEqualTo(1000f / 7);
        assertThat(ScaleSearch.percentile(0.5).scale(grid, x, 10, 100, null)).isEqualTo(60f / 7);
    }

    /** The best steps for normal values: 1.2240 for −1, 0, 1 and 0.65 for seven levels, 0.3352 for fifteen. */
    @Test
    void theLeastErrorOfNormalValuesIsAtTheKnownSteps() {
        float[] x = normal(1, 200_000);
        assertThat(ScaleSearch.mse(32, 3).scale(Grid.integers(1), x, 0, x.length, null)).isCloseTo(1.224f, within(0.01f));
        assertThat(error(Grid.integers(1), ScaleSearch.mse(32, 3).scale(Grid.integers(1), x, 0, x.length, null), x, null))
                .isCloseTo(0.1902, within(0.002));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 7, 127})
    void noScaleOfAFineScanIsMuchBetter(int most) {
        Grid grid = Grid.integers(most);
        float[] x = normal(most, 256);
        x[3] *= 5;
        float[] importance = new float[256];
        for (int i = 0; i < 256; i++) {
            importance[i] = i % 16 == 0 ? 10 : 0.1f;
        }
        for (float[] weights : new float[][]{null, importance}) {
            float absmax = ScaleSearch.absmax().scale(grid, x, 0, 256, null);
            double least = Double.POSITIVE_INFINITY;
            for (int i = 1; i < 2000; i++) {
                least = Math.min(least, error(grid, absmax * i / 1800, x, weights));
            }
            float found = ScaleSearch.mse(32, 2).scale(grid, x, 0, 256, weights);
            assertThat(error(grid, found, x, weights)).isLessThan(1.08 * least);
        }
    }

    @Test
    void entropyClipsTheTailAndKeepsWhatIsFlat() {
        float[] tail = normal(3, 100_000);
        tail[7] = 40;
        float clipped = ScaleSearch.entropy().scale(Grid.integers(127), tail, 0, tail.length, null) * 127;
        assertThat(clipped).isBetween(2f, 8f);
        float[] flat = new float[100_000];
        for (int i = 0; i < flat.length; i++) {
            flat[i] = (i + 0.5f) / flat.length;
        }
        assertThat(ScaleSearch.entropy().scale(Grid.integers(127), flat, 0, flat.length, null) * 127).isCloseTo(1, within(0.01f));
    }

    /** By hand: KL is 0.175 with all eight bins, 0.123 with four, 0.194 with three, and infinite where clipped mass falls on an empty bin. */
    @Test
    void theThresholdOfASmallHistogram() {
        assertThat(EntropySearch.threshold(new double[]{4, 1, 4, 1, 0, 0, 0, 1}, 2)).isEqualTo(4);
        assertThat(EntropySearch.threshold(new double[]{4, 4, 4, 4, 0, 0, 0, 1}, 4)).isEqualTo(8);
    }

    @Test
    void zerosHaveScaleZeroAndWhatIsNotFiniteIsRefused() {
        Grid grid = Grid.integers(3);
        for (ScaleSearch search : new ScaleSearch[]{ScaleSearch.absmax(), ScaleSearch.mse(8, 1), ScaleSearch.percentile(0.9),
                ScaleSearch.entropy()}) {
            assertThat(search.scale(grid, new float[16], 0, 16, null)).isZero();
            assertThatThrownBy(() -> search.scale(grid, new float[]{1, Float.NaN}, 0, 2, null)).hasMessageContaining("NaN");
            float[] tiny = {Float.MIN_VALUE, 0, 0, 0};
            assertThat(search.scale(grid, tiny, 0, 4, null)).isNotNaN();
        }
        assertThatThrownBy(() -> ScaleSearch.percentile(0)).hasMessageContaining("fraction = 0");
        assertThatThrownBy(() -> ScaleSearch.mse(1, 0)).hasMessageContaining("points = 1");
        assertThatThrownBy(() -> Grid.integers(0)).hasMessageContaining("most = 0");
    }
}
