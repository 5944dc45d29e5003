package org.setun.cli.study;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

class GridCoderTest {

    private static final int COUNT = 1 << 17;

    private static double mse(Grid grid, float[] values) {
        float[] rounded = new GridCoder(grid).round(values);
        double sum = 0;
        for (int i = 0; i < values.length; i++) {
            sum += (values[i] - rounded[i]) * (double) (values[i] - rounded[i]);
        }
        return sum / values.length;
    }

    @ParameterizedTest
    @EnumSource(Distribution.class)
    void distributionsHaveMeanZeroAndVarianceOne(Distribution distribution) {
        float[] values = distribution.sample(1 << 20, 3);
        double sum = 0;
        double squares = 0;
        for (float value : values) {
            sum += value;
            squares += (double) value * value;
        }
        assertThat(sum / values.length).isCloseTo(0, within(5e-3));
        assertThat(squares / values.length).isCloseTo(1, within(distribution == Distribution.STUDENT4 ? 0.05 : 5e-3));
    }

    /** Blocks of 256, searched steps: the errors that an independent computation gives, within 3 %. */
    @ParameterizedTest
    @CsvSource({"3, GAUSSIAN, false, 0.0367", "3, LAPLACE, false, 0.0623", "3, STUDENT4, false, 0.0896", "2, GAUSSIAN, false, 0.1375",
            "2, GAUSSIAN, true, 0.1179", "3, LAPLACE, true, 0.0678"})
    void searchedUniformGridsHaveTheKnownErrors(int bits, Distribution distribution, boolean midRise, double expected) {
        Grid grid = midRise
                ? Grid.midRise("m", bits, Grid.StepRule.SEARCH)
                : Grid.twosComplement("t", bits, Grid.StepRule.SEARCH);
        assertThat(mse(grid, distribution.sample(COUNT, 1))).isCloseTo(expected, within(0.03 * expected));
    }

    @Test
    void theLargestMagnitudeWithoutSearchIsHalfAStepBeyondTheLastPositiveLevel() {
        float[] values = {3.5f, -1, 0, 1};
        assertThat(new GridCoder(Grid.twosComplement("t", 3, Grid.StepRule.ABSMAX)).steps(values)).containsExactly(1);
        assertThat(mse(Grid.twosComplement("t", 3, Grid.StepRule.ABSMAX), Distribution.GAUSSIAN.sample(COUNT, 1))).isCloseTo(0.0652,
                within(0.002));
    }

    @ParameterizedTest
    @EnumSource(Distribution.class)
    void lloydsLevelsBeatEveryUniformGrid(Distribution distribution) {
        float[] values = distribution.sample(1 << 16, 5);
        for (int bits = 2; bits <= 3; bits++) {
            Grid midRise = Grid.midRise("m", bits, Grid.StepRule.SEARCH);
            double lloyd = mse(GridCoder.lloydMax("l", values, midRise, 12), values);
            assertThat(lloyd).isLessThan(mse(midRise, values))
                    .isLessThan(mse(Grid.twosComplement("t", bits, Grid.StepRule.SEARCH), values));
        }
    }

    @Test
    void aBlockOfZerosAndAShortLastBlockStayWhatTheyAre() {
        float[] values = new float[Grid.BLOCK + 3];
        values[Grid.BLOCK] = 2;
        values[Grid.BLOCK + 1] = -2;
        float[] rounded = new GridCoder(Grid.midRise("m", 2, Grid.StepRule.SEARCH)).round(values);
        assertThat(rounded).hasSameSizeAs(values).startsWith(new float[Grid.BLOCK]);
        assertThat(rounded[Grid.BLOCK]).isPositive().isEqualTo(-rounded[Grid.BLOCK + 1]);
    }
}
