package org.setun.inference;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.TreeSet;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.FloatRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class SamplerTest {

    private static final float[] LOGITS = {0.3f, -1.2f, 2.1f, 0.9f, 2.0f, -3.5f, 1.4f, 0.0f};
    private static final int DRAWS = 40_000;

    private static MemorySegment segment(float... values) {
        return Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, values);
    }

    private static int[] draw(Sampling sampling, int times) {
        Sampler sampler = new Sampler(sampling, LOGITS.length);
        MemorySegment logits = segment(LOGITS);
        int[] tokens = new int[times];
        Arrays.setAll(tokens, i -> sampler.next(logits));
        return tokens;
    }

    private static double[] softmax(float temperature) {
        double[] p = new double[LOGITS.length];
        double total = 0;
        for (int i = 0; i < p.length; i++) {
            p[i] = Math.exp(LOGITS[i] / temperature);
            total += p[i];
        }
        for (int i = 0; i < p.length; i++) {
            p[i] /= total;
        }
        return p;
    }

    /** Pearson's statistic of the draws against {@code expected}, whose zero entries must not occur at all. */
    private static double chiSquare(int[] draws, double[] expected) {
        int[] counts = new int[expected.length];
        for (int draw : draws) {
            counts[draw]++;
        }
        double sum = 0;
        for (int i = 0; i < expected.length; i++) {
            if (expected[i] == 0) {
                assertThat(counts[i]).as("draws of excluded token %d", i).isZero();
            } else {
                double mean = expected[i] * draws.length;
                sum += (counts[i] - mean) * (counts[i] - mean) / mean;
            }
        }
        return sum;
    }

    @ParameterizedTest
    @ValueSource(floats = {0.5f, 1f, 1.7f})
    void frequenciesFollowTheSoftmaxAtTheTemperature(float temperature) {
        int[] draws = draw(Sampling.temperature(temperature, 11), DRAWS);
        // 7 degrees of freedom: 29.9 is exceeded once in 10,000 seeds.
        assertThat(chiSquare(draws, softmax(temperature))).isLessThan(29.9);
        double[] other = softmax(temperature * 1.15f);
        assertThat(chiSquare(draws, other)).as("the test can tell a wrong temperature").isGreaterThan(29.9);
    }

    @Test
    void topKDrawsFromTheKMostProbableInTheirProportions() {
        double[] p = softmax(1);
        double total = p[2] + p[4] + p[6];
        double[] expected = new double[p.length];
        for (int i : new int[]{2, 4, 6}) {
            expected[i] = p[i] / total;
        }
        assertThat(chiSquare(draw(Sampling.temperature(1, 5).withTopK(3), DRAWS), expected)).isLessThan(18.5);
    }

    @Test
    void topPDrawsFromTheSmallestSetThatReachesP() {
        double[] p = softmax(1);
        // Descending: 2, 4, 6, 3 ...: p(2)+p(4) < 0.7 <= p(2)+p(4)+p(6).
        assertThat(p[2] + p[4]).isLessThan(0.7);
        assertThat(p[2] + p[4] + p[6]).isGreaterThan(0.7);
        assertThat(distinct(draw(Sampling.temperature(1, 5).withTopP(0.7f), 5_000))).containsExactly(2, 4, 6);
        assertThat(distinct(draw(Sampling.temperature(1, 5).withTopP(1e-6f), 1_000))).containsExactly(2);
    }

    @Test
    void topPWorksOnWhatTopKLeft() {
        double[] p = softmax(1);
        assertThat(p[2] / (p[2] + p[4])).isGreaterThan(0.5);
        assertThat(distinct(draw(Sampling.temperature(1, 5).withTopK(2).withTopP(0.5f), 1_000))).containsExactly(2);
    }

    @Property(tries = 200)
    void topKKeepsExactlyTheGreatest(@ForAll @Size(min = 1, max = 40) float @FloatRange(min = -8, max = 8) [] logits,
            @ForAll @IntRange(min = 1, max = 40) int k) {
        int keep = Math.min(k, logits.length);
        Sampler sampler = new Sampler(Sampling.temperature(8, 3).withTopK(k), logits.length);
        float[] sorted = logits.clone();
        Arrays.sort(sorted);
        float least = sorted[logits.length - keep];
        MemorySegment segment = segment(logits);
        for (int i = 0; i < 50; i++) {
            assertThat(logits[sampler.next(segment)]).isGreaterThanOrEqualTo(least);
        }
    }

    @Test
    void greedyTakesTheLowestOfEqualTokens() {
        assertThat(new Sampler(Sampling.greedy(), 4).next(segment(1, 5, 5, 2))).isEqualTo(1);
        assertThat(new Sampler(Sampling.temperature(1, 0).withTopK(1), 4).next(segment(1, 5, 5, 2))).isEqualTo(1);
    }

    @Test
    void equalSeedsGiveEqualDraws() {
        Sampling sampling = Sampling.temperature(1, 42).withTopK(6).withTopP(0.95f);
        assertThat(draw(sampling, 200)).isEqualTo(draw(sampling, 200));
        assertThat(draw(sampling, 200)).isNotEqualTo(draw(new Sampling(1, 6, 0.95f, 43), 200));
    }

    @Test
    void brokenLogitsAreRefused() {
        for (Sampling sampling : new Sampling[]{Sampling.greedy(), Sampling.temperature(1, 0)}) {
            Sampler sampler = new Sampler(sampling, 3);
            assertThatThrownBy(() -> sampler.next(segment(0, Float.NaN, 1))).isInstanceOf(ArithmeticException.class)
                    .hasMessageContaining("logit 1");
            assertThatThrownBy(() -> sampler.next(segment(0, Float.POSITIVE_INFINITY, 1))).isInstanceOf(ArithmeticException.class);
            float least = Float.NEGATIVE_INFINITY;
            assertThatThrownBy(() -> sampler.next(segment(least, least, least))).isInstanceOf(ArithmeticException.class);
            assertThat(sampler.next(segment(least, 0, least))).isEqualTo(1);
        }
    }

    @Test
    void badSettingsAreNamed() {
        assertThatThrownBy(() -> Sampling.temperature(-1, 0)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("temperature = -1");
        assertThatThrownBy(() -> Sampling.temperature(Float.NaN, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Sampling.greedy().withTopK(-2)).hasMessageContaining("topK = -2");
        assertThatThrownBy(() -> Sampling.greedy().withTopP(0)).hasMessageContaining("topP = 0");
        assertThatThrownBy(() -> new Sampler(Sampling.greedy(), 3).next(segment(1, 2))).hasMessageContaining("vocab = 3");
    }

    private static TreeSet<Integer> distinct(int[] draws) {
        TreeSet<Integer> set = new TreeSet<>();
        for (int draw : draws) {
            set.add(draw);
        }
        return set;
    }
}
