package org.setun.training.loss;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

class ReasoningStepsTest {

    /** One token per byte, but 128 = "ab\n", 129 = "\n#", 130 = nothing. */
    private static ReasoningSteps bytes() {
        byte[][] tokens = new byte[131][];
        for (int i = 0; i < 128; i++) {
            tokens[i] = new byte[]{(byte) i};
        }
        tokens[128] = "ab\n".getBytes(StandardCharsets.US_ASCII);
        tokens[129] = "\n#".getBytes(StandardCharsets.US_ASCII);
        tokens[130] = new byte[0];
        return new ReasoningSteps(tokens);
    }

    private static int[] ids(String text) {
        return text.replace("|", "\n").chars().map(c -> switch (c) {
            case 'Z' -> 128;
            case 'Y' -> 129;
            case '_' -> 130;
            case '-' -> -1;
            default -> c;
        }).toArray();
    }

    /** {@code |} is a newline, - a token that does not count. */
    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {"abc ; 0", "ab|c ; 0 3", "ab||c| ; 0 4", "a####7 ; 0 1", "ZZa ; 0 1 2", "aY###b ; 0 1",
            "x|```y|```|z ; 0 2 7 11", "-a|b ; 1 3", "a--b ; 0 3", "a_#### ; 0 2"})
    void stepsBeginAfterNewlinesAndAtMarks(String text, String starts) {
        assertThat(bytes().starts(ids(text)).stream().boxed().toList())
                .isEqualTo(Arrays.stream(starts.split(" ")).map(Integer::valueOf).toList());
    }

    /** A short step counts as much as a long one. */
    @Test
    void weightsAverageOverStepsOfAverages() {
        float[] weights = bytes().weights(ids("ab|c"));
        assertThat(weights).containsExactly(new float[]{1 / 6f, 1 / 6f, 1 / 6f, 1 / 2f}, within(1e-7f));
        assertThat(bytes().weights(ids("a|-b"))).containsExactly(new float[]{0.25f, 0.25f, 0, 0.5f}, within(1e-7f));
        assertThat(bytes().weights(ids("--"))).containsExactly(0, 0);
        assertThat(bytes().weights(new int[0])).isEmpty();
    }
}
