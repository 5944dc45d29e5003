package org.setun.inference;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class StopMatcherTest {

    @Property(tries = 500)
    void stoppingDoesNotDependOnTheSplit(@ForAll("fewLetters") String text, @ForAll @IntRange(min = 1, max = 4) int step) {
        List<String> stops = List.of("aba", "bb", "abcab");
        int end = stops.stream().mapToInt(text::indexOf).filter(i -> i >= 0).min().orElse(text.length());
        StopMatcher matcher = new StopMatcher(stops);
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length() && !matcher.stopped(); i += step) {
            out.append(matcher.append(text.substring(i, Math.min(text.length(), i + step))));
        }
        out.append(matcher.finish());
        // With steps above 1 a later-starting stop may complete in the same piece; the first occurrence in the text wins then too.
        assertThat(out.toString()).isEqualTo(text.substring(0, firstCompleted(text, stops, step, end)));
    }

    /** Where the output ends: the first start among the stops that are complete when the first of them completes. */
    private static int firstCompleted(String text, List<String> stops, int step, int none) {
        for (int shown = Math.min(step, text.length()); shown <= text.length(); shown = shown == text.length()
                ? shown + 1
                : Math.min(text.length(), shown + step)) {
            String seen = text.substring(0, shown);
            int first = stops.stream().mapToInt(seen::indexOf).filter(i -> i >= 0).min().orElse(-1);
            if (first >= 0) {
                return first;
            }
        }
        return none;
    }

    @Provide
    Arbitrary<String> fewLetters() {
        return Arbitraries.strings().withChars("abc").ofMaxLength(14);
    }

    @Test
    void textThatMayBeginAStopIsHeldUntilDecided() {
        StopMatcher matcher = new StopMatcher(List.of("\n\n", "END"));
        assertThat(matcher.append("one\n")).isEqualTo("one");
        assertThat(matcher.append("two E")).isEqualTo("\ntwo ");
        assertThat(matcher.append("N")).isEmpty();
        assertThat(matcher.append("?")).isEqualTo("EN?");
        assertThat(matcher.append("x END y")).isEqualTo("x ");
        assertThat(matcher.stopped()).isTrue();
        assertThat(matcher.append("more")).isEmpty();
        assertThat(matcher.finish()).isEmpty();
    }

    @Test
    void heldTextIsGivenAtTheEnd() {
        StopMatcher matcher = new StopMatcher(List.of("STOP"));
        assertThat(matcher.append("a STO")).isEqualTo("a ");
        assertThat(matcher.finish()).isEqualTo("STO");
        assertThatThrownBy(() -> new StopMatcher(List.of("x", ""))).isInstanceOf(IllegalArgumentException.class);
    }
}
