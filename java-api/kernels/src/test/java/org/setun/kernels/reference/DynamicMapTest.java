package org.setun.kernels.reference;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** The closed form of the dynamic maps against their tables, which are made here from the paper's description. */
class DynamicMapTest {

    /** Each decade is cut into equal parts, whose middles are the levels; then 0 and 1. */
    private static double[] table(boolean signed) {
        double[] levels = new double[256];
        int count = 0;
        for (int decade = 0; decade < 7; decade++) {
            int parts = signed ? 1 << decade : 2 << decade;
            for (int j = 0; j < parts; j++) {
                double level = Math.pow(10, decade - 6) * (0.1 + 0.9 * (j + 0.5) / parts);
                levels[count++] = level;
                if (signed) {
                    levels[count++] = -level;
                }
            }
        }
        levels[count++] = 0;
        levels[count++] = 1;
        assertThat(count).isEqualTo(256);
        Arrays.sort(levels);
        return levels;
    }

    @Test
    void levelsAreThoseOfTheTable() {
        for (boolean signed : new boolean[]{true, false}) {
            DynamicMap map = signed ? DynamicMap.SIGNED : DynamicMap.UNSIGNED;
            double[] levels = new double[256];
            for (int i = 0; i < 256; i++) {
                levels[i] = map.level((byte) i);
                assertThat(map.code((float) levels[i])).as("code of the level of code %d", i).isEqualTo((byte) i);
            }
            Arrays.sort(levels);
            double[] expected = table(signed);
            for (int i = 0; i < 256; i++) {
                assertThat(levels[i]).isCloseTo(expected[i], within(1e-5 * Math.abs(expected[i])));
            }
        }
    }

    /** No level is nearer than the one that is chosen, but for the rounding of fp32. */
    @Test
    void aValueGetsTheNearestLevel() {
        SplittableRandom random = new SplittableRandom(8);
        for (boolean signed : new boolean[]{true, false}) {
            DynamicMap map = signed ? DynamicMap.SIGNED : DynamicMap.UNSIGNED;
            double[] levels = table(signed);
            for (int i = 0; i < 200_000; i++) {
                float x = (float) Math.pow(10, -8 * random.nextDouble());
                x = signed && random.nextBoolean() ? -x : x;
                double nearest = Double.MAX_VALUE;
                for (double level : levels) {
                    if (signed || level > 0) {
                        nearest = Math.min(nearest, Math.abs(level - x));
                    }
                }
                double error = Math.abs(map.level(map.code(x)) - (double) x);
                assertThat(error).as("%s of %s", signed, x).isLessThanOrEqualTo(nearest + 2e-6 * Math.abs(x));
            }
        }
    }

    @Test
    void aSecondMomentAboveZeroStaysAboveZero() {
        assertThat(DynamicMap.UNSIGNED.level(DynamicMap.UNSIGNED.code(1e-30f))).isEqualTo(3.25e-7f, within(1e-12f));
        assertThat(DynamicMap.UNSIGNED.code(0)).isEqualTo((byte) 0);
        assertThat(DynamicMap.SIGNED.code(1e-30f)).isEqualTo((byte) 0);
    }
}
