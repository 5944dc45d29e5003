package org.setun.eval;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

class PairedBootstrapTest {

    private static final int PARTS = 60;

    private static double[] losses(SplittableRandom random, double mean, double deviation) {
        double[] losses = new double[PARTS];
        Arrays.setAll(losses, i -> 100 * (mean + deviation * random.nextGaussian()));
        return losses;
    }

    private static int[] hundreds() {
        int[] tokens = new int[PARTS];
        Arrays.fill(tokens, 100);
        return tokens;
    }

    @Test
    void aConstantShiftIsSeenThroughPartsThatDifferFarMore() {
        double[] b = losses(new SplittableRandom(1), 2, 0.5);
        double[] a = Arrays.stream(b).map(loss -> loss + 1).toArray(); // 0.01 nats per token
        PairedBootstrap.Interval interval = PairedBootstrap.perplexityDifference(a, b, hundreds(), 2000, 0.95, 1);
        assertThat(interval.excludesZero()).isTrue();
        assertThat(interval.estimate()).isBetween(interval.low(), interval.high());
        double perplexity = Math.exp(Arrays.stream(b).sum() / 6000);
        assertThat(interval.estimate()).isCloseTo(perplexity * (Math.exp(0.01) - 1), within(1e-9));
    }

    @Test
    void ninetyFivePercentOfTheIntervalsHoldTheTruth() {
        int held = 0;
        for (int trial = 0; trial < 200; trial++) {
            SplittableRandom random = new SplittableRandom(trial);
            double[] b = losses(random, 2, 0.3);
            double[] noise = losses(random, 0, 0.02);
            double[] a = new double[PARTS];
            Arrays.setAll(a, i -> b[i] + noise[i]); // no difference in the mean
            held += PairedBootstrap.perplexityDifference(a, b, hundreds(), 400, 0.95, trial).excludesZero() ? 0 : 1;
        }
        assertThat(held).isBetween(180, 199);
    }

    @Test
    void equalSeedsGiveEqualIntervals() {
        double[] a = losses(new SplittableRandom(1), 2, 0.5);
        double[] b = losses(new SplittableRandom(2), 2, 0.5);
        assertThat(PairedBootstrap.perplexityDifference(a, b, hundreds(), 100, 0.9, 3))
                .isEqualTo(PairedBootstrap.perplexityDifference(a, b, hundreds(), 100, 0.9, 3));
    }

    @Test
    void partsMustCorrespond() {
        assertThatThrownBy(() -> PairedBootstrap.perplexityDifference(new double[2], new double[3], new int[2], 10, 0.95, 1))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("2, 3 and 2 parts");
        assertThatThrownBy(() -> PairedBootstrap.perplexityDifference(new double[1], new double[1], new int[1], 0, 0.95, 1))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("resamples = 0");
    }
}
