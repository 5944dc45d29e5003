package org.setun.formats;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

class NearNamesTest {

    @ParameterizedTest
    @CsvSource({"kitten, sitting, 3", "abc, abc, 0", "'', abc, 3", "max_stpes, max_steps, 2"})
    void distanceIsLevenshteins(String a, String b, int distance) {
        assertThat(NearNames.distance(a, b)).isEqualTo(distance);
        assertThat(NearNames.distance(b, a)).isEqualTo(distance);
    }

    @Test
    void theNearestComeFirst() {
        assertThat(NearNames.of("outptu", List.of("input", "far away", "output", "outputs", "output"), 3))
                .containsExactly("output", "outputs", "input");
        assertThat(NearNames.of("x", List.of("b", "a"), 5)).containsExactly("b", "a");
    }
}
