package org.setun.quant.pi;

import java.lang.foreign.MemorySegment;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiScaling;
import org.setun.kernels.reference.PiBlocks;
import org.setun.quant.format.QuantizationError;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.format.WeightRows;

import static org.assertj.core.api.Assertions.assertThat;

/** Squared errors on known distributions of deviation 1, against figures computed elsewhere. */
class PiFiguresTest {

    private static final int VALUES = 768 * PiGrid.BLOCK;

    /** The formula (π / k)^2 / 12, which is quoted for these, would give 0.0514, 0.0329, 0.0914, 0.0914 and 0.0514. */
    @ParameterizedTest
    @CsvSource({"3, 4, 0.0530", "3, 5, 0.0410", "3, 3, 0.0914", "2, 3, 0.1494", "2, 4, 0.1760"})
    void fixedConstantsAtAlphaOneOnNormalWeights(int bits, int k, double expected) {
        PiQuantConfig config = new PiQuantConfig(bits, k, ScaleChoice.SIGMA);
        float step = (float) config.step(1);
        double sum = 0;
        for (float value : Weights.NORMAL.sample(VALUES, 1)) {
            double error = value - config.grid().level(PiBlocks.code(value, step, config.grid())) * step;
            sum += error * error;
        }
        assertThat(sum / VALUES).isCloseTo(expected, Percentage.withPercentage(1.5));
        assertThat(mse(config.formatName(), Weights.NORMAL)).as("with the deviation of each block")
                .isCloseTo(expected, Percentage.withPercentage(2));
    }

    /** Blocks of 256 with a step in f16: calibrated by the largest magnitude, and searched. */
    @ParameterizedTest
    @CsvSource({"3, NORMAL, 0.0652, 0.0367, 2", "2, NORMAL, 0.348, 0.137, 2", "3, LAPLACE, 0.1197, 0.0623, 2",
            "2, LAPLACE, 0.463, 0.1863, 2", "3, STUDENT_4, 0.1856, 0.0896, 7", "2, STUDENT_4, 0.560, 0.2210, 7"})
    void aSearchForTheStepIsWorthMoreThanAnyConstant(int bits, Weights weights, double absmax, double searched, double percent) {
        assertThat(mse("pi-q" + bits + ":scale=absmax", weights)).isCloseTo(absmax, Percentage.withPercentage(percent));
        assertThat(mse("pi-q" + bits, weights)).isCloseTo(searched, Percentage.withPercentage(percent));
    }

    /** Three bits, α the deviation of the block: a choice of k helps heavy tails a little. */
    @ParameterizedTest
    @CsvSource({"NORMAL, 0.0406, 1.0, 2", "LAPLACE, 0.0690, 0.989, 4", "STUDENT_4, 0.1023, 0.96, 7"})
    void mixedConstantsAreASearchAmongFourSteps(Weights weights, double expected, double ofBestConstant, double percent) {
        double mixed = mse("pi-q3:k=mixed,scale=sigma", weights);
        double best = Math.min(mse("pi-q3:k=4,scale=sigma", weights), mse("pi-q3:k=5,scale=sigma", weights));
        assertThat(mixed).isCloseTo(expected, Percentage.withPercentage(percent));
        assertThat(mixed / best).isCloseTo(ofBestConstant, Offset.offset(0.02));
        assertThat(mse("pi-q3", weights)).as("searched").isLessThan(mse("pi-q3:k=mixed", weights)).isLessThan(mixed);
    }

    /** With α searched or calibrated, π / k cancels: the very same bytes for every k. */
    @Test
    void aConstantChangesNothingWhereAlphaIsFitted() {
        float[] values = Weights.NORMAL.sample(16 * PiGrid.BLOCK, 3);
        for (String name : new String[]{"pi-q2:scale=absmax,k=", "pi-q2:k=", "pi-q3:scale=absmax,k=", "pi-q3:k="}) {
            byte[] first = encoded(WeightFormats.parse(name + 2), values);
            for (int k = 3; k <= 5; k++) {
                assertThat(encoded(WeightFormats.parse(name + k), values)).isEqualTo(first);
            }
        }
    }

    /** A pi grid is the uniform grid of step fl(α π / k): the same codes, value by value. */
    @Test
    void codesAreThoseOfAUniformGridWithTheSameStep() {
        for (int bits = 2; bits <= 3; bits++) {
            int half = 1 << bits - 1;
            for (int k = 2; k <= 5; k++) {
                float step = (float) (0.7 * Math.PI / k);
                for (float value : Weights.LAPLACE.sample(4096, k)) {
                    int uniform = (int) Math.clamp(Math.rint(value * (1 / step)), -half, half - 1);
                    assertThat(PiBlocks.code(value, step, PiGrid.uniform(bits)) - half).isEqualTo(uniform);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"3, NORMAL, 0.0329, 14, 0.90, 2", "3, LAPLACE, 0.0495, 10, 0.80, 2", "3, STUDENT_4, 0.0606, 9, 0.68, 7",
            "2, NORMAL, 0.1157, 8, 0.845, 2", "2, LAPLACE, 0.1726, 5, 0.93, 2", "2, STUDENT_4, 0.2083, 5, 0.945, 7"})
    void tangentLevelsBeatTheBestSearchedUniformGridOfAsManyBits(int bits, Weights weights, double expected, int shape,
            double ofUniform, double percent) {
        float[] values = weights.sample(VALUES, 1);
        WeightFormat fitted = WeightFormats.parse("pi-tan" + bits).fitted(WeightRows.of(values, 1024));
        assertThat(fitted.name()).isEqualTo("pi-tan" + bits + ":K=" + shape + ",scale=search");
        double tangent = mse(fitted, values);
        double bestUniform = Math.min(mse("pi-q" + bits, weights), midRise(bits, values));
        assertThat(tangent).isCloseTo(expected, Percentage.withPercentage(percent)).isLessThan(bestUniform);
        assertThat(tangent / mse("pi-q" + bits, weights)).isCloseTo(ofUniform, Offset.offset(0.025));
    }

    /** The other uniform grid, of odd multiples of half a step, with as many steps to choose from. */
    private static double midRise(int bits, float[] values) {
        PiGrid grid = bits == 2 ? PiGrid.symmetric(2, 1, 3) : PiGrid.symmetric(3, 1, 3, 5, 7);
        float[] factors = PiFormat.tangent(bits, ScaleChoice.SEARCH).scaling().factors();
        for (int i = 0; i < factors.length; i++) {
            factors[i] *= (float) PiGrid.LARGEST_LEVEL / grid.level(grid.zeroCode() * 2 - 1);
        }
        PiScaling scaling = new PiScaling(PiScaling.Base.ABSMAX, false, factors);
        double sum = 0;
        for (int from = 0; from < values.length; from += PiGrid.BLOCK) {
            float step = PiBlocks.step(values, from, null, grid, scaling);
            for (int i = from; i < from + PiGrid.BLOCK; i++) {
                double error = values[i] - grid.level(PiBlocks.code(values[i], step, grid)) * step;
                sum += error * error;
            }
        }
        return sum / values.length;
    }

    @ParameterizedTest
    @EnumSource
    void importanceMovesTheErrorToWhatMattersLess(Weights weights) {
        float[] values = weights.sample(64 * PiGrid.BLOCK, 9);
        float[] importance = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            importance[i] = i % 8 == 0 ? 100 : 1;
        }
        for (String name : new String[]{"pi-q2", "pi-q3", "pi-tan2", "pi-tan3"}) {
            WeightFormat format = WeightFormats.parse(name);
            double plain = weighted(format, values, importance, false);
            assertThat(weighted(format, values, importance, true)).as(name).isLessThan(plain);
        }
    }

    private static double weighted(WeightFormat format, float[] values, float[] importance, boolean used) {
        MemorySegment blocks = MemorySegment.ofArray(new byte[(int) format.rowBytes(values.length)]);
        float[] stored = new float[values.length];
        format.encode(values, 0, values.length, used ? importance : null, blocks, 0);
        format.decode(blocks, 0, values.length, stored, 0);
        double sum = 0;
        for (int i = 0; i < values.length; i++) {
            sum += importance[i] * Math.pow(values[i] - stored[i], 2);
        }
        return sum;
    }

    private static byte[] encoded(WeightFormat format, float[] values) {
        byte[] blocks = new byte[(int) format.rowBytes(values.length)];
        format.encode(values, 0, values.length, null, MemorySegment.ofArray(blocks), 0);
        return blocks;
    }

    private static double mse(String name, Weights weights) {
        return mse(WeightFormats.parse(name), weights.sample(VALUES, 1));
    }

    private static double mse(WeightFormat format, float[] values) {
        float[] stored = new float[values.length];
        format.decode(MemorySegment.ofArray(encoded(format, values)), 0, values.length, stored, 0);
        QuantizationError error = new QuantizationError();
        error.add(values, 0, stored, 0, values.length);
        return error.mse();
    }
}
