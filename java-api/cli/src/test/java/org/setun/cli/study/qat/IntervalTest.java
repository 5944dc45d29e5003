package org.setun.cli.study.qat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

class IntervalTest {

    /** The table of Student's distribution, two-sided 5 %. */
    @ParameterizedTest
    @CsvSource({"1, 12.7062", "2, 4.3027", "3, 3.1824", "4, 2.7764", "5, 2.5706", "9, 2.2622", "10, 2.2281", "29, 2.0452", "120, 1.9799"})
    void quantilesOfStudent(int degrees, double quantile) {
        assertThat(Interval.studentQuantile(degrees)).isEqualTo(quantile, within(6e-5));
    }

    @Test
    void aMeanOfThree() {
        Interval interval = Interval.ofMean(1, 2, 3);
        assertThat(interval.estimate()).isEqualTo(2);
        assertThat(interval.high() - 2).isEqualTo(4.302653 / Math.sqrt(3), within(1e-5));
        assertThat(2 - interval.low()).isEqualTo(interval.high() - 2, within(1e-12));
    }

    @Test
    void oneValueHasNoInterval() {
        Interval interval = Interval.ofMean(0.5);
        assertThat(interval.estimate()).isEqualTo(0.5);
        assertThat(interval.low()).isNaN();
        assertThat(interval.high()).isNaN();
        assertThatIllegalArgumentException().isThrownBy(Interval::ofMean);
    }

    /** Published values: Brown, Cai and DasGupta, Statistical Science 16 (2001), and the usual calculators. */
    @ParameterizedTest
    @CsvSource({"0, 10, 0, 0.27753", "10, 10, 0.72247, 1", "5, 10, 0.23659, 0.76341", "95, 100, 0.88825, 0.97846", "1, 1, 0.20654, 1"})
    void wilsonsInterval(int successes, int trials, double low, double high) {
        Interval interval = Interval.ofShare(successes, trials);
        assertThat(interval.estimate()).isEqualTo((double) successes / trials);
        assertThat(interval.low()).isEqualTo(low, within(1e-5));
        assertThat(interval.high()).isEqualTo(high, within(1e-5));
    }

    @Test
    void sharesThatCannotBeAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> Interval.ofShare(0, 0)).withMessageContaining("trials");
        assertThatIllegalArgumentException().isThrownBy(() -> Interval.ofShare(3, 2)).withMessageContaining("3 of 2");
    }
}
