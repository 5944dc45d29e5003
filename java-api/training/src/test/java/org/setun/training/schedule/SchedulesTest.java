package org.setun.training.schedule;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.training.schedule.Schedules.Shape;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

class SchedulesTest {

    /** eta_min + (eta - eta_min)(1 + cos(pi (t - w) / (T - w))) / 2 with eta 1e-3, eta_min 1e-6, w 1000, T 10000; computed by hand. */
    @ParameterizedTest
    @CsvSource({"1, 1e-6", "500, 5e-4", "999, 9.99e-4", "1000, 1e-3", "3250, 8.536998372026805e-4", "5500, 5.005e-4",
            "7750, 1.473001627973195e-4", "10000, 1e-6", "20000, 1e-6"})
    void cosineFollowsItsFormula(long step, double rate) {
        assertThat(Schedules.cosine(1e-3, 1e-6, 1000, 10_000).learningRate(step)).isEqualTo(rate, within(1e-15));
    }

    @Test
    void endpointsAreExact() {
        assertThat(Schedules.cosine(1e-3, 1e-6, 1000, 10_000).learningRate(1000)).isEqualTo(1e-3);
        assertThat(Schedules.cosine(1e-3, 1e-6, 1000, 10_000).learningRate(10_000)).isEqualTo(1e-6);
        assertThat(Schedules.linear(0.1, 0.01, 0, 7).learningRate(1)).isEqualTo(0.1);
        assertThat(Schedules.linear(0.1, 0.01, 0, 7).learningRate(7)).isEqualTo(0.01);
        assertThat(Schedules.linear(0.1, 0.01, 0, 7).learningRate(4)).isEqualTo(0.055, within(1e-16));
    }

    @Test
    void constantStaysAtItsPeak() {
        Schedule schedule = Schedules.constant(0.3, 4);
        assertThat(schedule.learningRate(1)).isEqualTo(0.075);
        assertThat(schedule.learningRate(4)).isEqualTo(0.3);
        assertThat(schedule.learningRate(1_000_000)).isEqualTo(0.3);
        assertThat(Schedules.constant(0.3, 0).learningRate(1)).isEqualTo(0.3);
    }

    @Test
    void wsdFallsInItsLastSteps() {
        Schedule linear = Schedules.warmupStableDecay(Shape.LINEAR, 1, 0.2, 0.2, 10, 100);
        assertThat(linear.learningRate(5)).isEqualTo(0.5);
        assertThat(linear.learningRate(80)).isEqualTo(1);
        assertThat(linear.learningRate(90)).isEqualTo(0.6, within(1e-12));
        assertThat(linear.learningRate(100)).isEqualTo(0.2);
        assertThat(linear.learningRate(1000)).isEqualTo(0.2);
        Schedule root = Schedules.warmupStableDecay(Shape.SQRT, 1, 0.2, 0.2, 10, 100);
        assertThat(root.learningRate(80)).isEqualTo(1);
        assertThat(root.learningRate(85)).as("half of the way after a quarter").isEqualTo(0.6, within(1e-12));
        assertThat(root.learningRate(100)).isEqualTo(0.2);
        assertThatIllegalArgumentException().isThrownBy(() -> Schedules.warmupStableDecay(Shape.SQRT, 1, 0, 0.5, 60, 100))
                .withMessageContaining("60, the decay begins after 50");
        assertThatIllegalArgumentException().isThrownBy(() -> Schedules.warmupStableDecay(Shape.SQRT, 1, 0, 0, 0, 100))
                .withMessageContaining("share");
    }

    @Test
    void weightDecayEndsWhereItIsTold() {
        Schedule schedule = Schedules.decayUntil(30, Schedules.cosine(1, 0, 0, 100));
        assertThat(schedule.weightDecayFactor(30)).isEqualTo(1);
        assertThat(schedule.weightDecayFactor(31)).isEqualTo(0);
        assertThat(schedule.learningRate(31)).isEqualTo(Schedules.cosine(1, 0, 0, 100).learningRate(31));
        Schedule twoStage = Schedules.decayUntil(90, Schedules.twoStage(Shape.LINEAR, 1, 1, 1, 0, 0, 100));
        assertThat(twoStage.weightDecayFactor(60)).as("a schedule that has switched it off keeps it off").isEqualTo(0);
    }

    @Test
    void twoStagesDropInTheMiddleAndSwitchWeightDecayOff() {
        Schedule schedule = Schedules.twoStage(Shape.LINEAR, 1.5e-3, 8e-4, 5e-4, 0, 10, 100);
        assertThat(schedule.learningRate(10)).isEqualTo(1.5e-3);
        assertThat(schedule.learningRate(50)).isEqualTo(8e-4);
        assertThat(schedule.learningRate(51)).isEqualTo(5e-4);
        assertThat(schedule.learningRate(100)).isEqualTo(0);
        assertThat(schedule.weightDecayFactor(50)).isEqualTo(1);
        assertThat(schedule.weightDecayFactor(51)).isEqualTo(0);
    }

    @Test
    void aDecayOfOneStepEndsAtItsEnd() {
        assertThat(Schedules.twoStage(Shape.COSINE, 4, 3, 2, 1, 0, 2).learningRate(2)).isIn(1.0, 2.0);
        assertThat(Schedules.constant(1, 0).learningRate(2)).isEqualTo(1);
    }

    @Property
    void ratesStayBetweenTheirEnds(@ForAll @LongRange(min = 0, max = 50) long warmup, @ForAll @LongRange(min = 0, max = 200) long extra,
            @ForAll @DoubleRange(min = 0, max = 1) double end, @ForAll @LongRange(min = 1, max = 400) long step, @ForAll Shape shape) {
        double peak = 1.0;
        long total = warmup + extra + 1;
        Schedule schedule = shape == Shape.LINEAR
                ? Schedules.linear(peak, end, warmup, total)
                : Schedules.cosine(peak, end, warmup, total);
        double rate = schedule.learningRate(step);
        assertThat(rate).isBetween(step < warmup ? 0 : end, peak);
        if (step > warmup) {
            assertThat(schedule.learningRate(step + 1)).isLessThanOrEqualTo(rate);
        }
    }

    @Test
    void badArgumentsAreNamed() {
        assertThatIllegalArgumentException().isThrownBy(() -> Schedules.cosine(Double.NaN, 0, 0, 1)).withMessageContaining("peak");
        assertThatIllegalArgumentException().isThrownBy(() -> Schedules.cosine(1, -1, 0, 1)).withMessageContaining("end");
        assertThatIllegalArgumentException().isThrownBy(() -> Schedules.cosine(1, 0, 11, 10)).withMessageContaining("11");
        assertThatIllegalArgumentException().isThrownBy(() -> Schedules.constant(1, 0).learningRate(0)).withMessageContaining("from 1");
    }
}
