package org.setun.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class StreamedTextTest {

    @Property(tries = 300)
    void anySplitOfValidBytesGivesTheText(@ForAll String text, @ForAll @IntRange(min = 1, max = 5) int step) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        Utf8Pieces pieces = new Utf8Pieces();
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < bytes.length; i += step) {
            out.append(pieces.append(Arrays.copyOfRange(bytes, i, Math.min(bytes.length, i + step))));
        }
        out.append(pieces.finish());
        assertThat(out.toString()).isEqualTo(new String(bytes, StandardCharsets.UTF_8));
    }

    @Test
    void anUnfinishedCharacterIsHeldBack() {
        byte[] euro = "€".getBytes(StandardCharsets.UTF_8);
        Utf8Pieces pieces = new Utf8Pieces();
        assertThat(pieces.append(new byte[] {'a', euro[0]})).isEqualTo("a");
        assertThat(pieces.append(new byte[] {euro[1]})).isEmpty();
        assertThat(pieces.append(new byte[] {euro[2], 'b'})).isEqualTo("€b");
        assertThat(pieces.append(new byte[] {euro[0]})).isEmpty();
        assertThat(pieces.finish()).isEqualTo("\uFFFD");
    }

    @Property(tries = 300)
    void piecesLongerThanTheBufferPass(@ForAll @Size(max = 700) byte[] bytes) {
        Utf8Pieces pieces = new Utf8Pieces();
        assertThat(pieces.append(bytes) + pieces.finish()).isEqualTo(new String(bytes, StandardCharsets.UTF_8));
    }

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
        for (int shown = Math.min(step, text.length()); shown <= text.length(); shown = shown == text.length() ? shown + 1
                : Math.min(text.length(), shown + step)) {
            String seen = text.substring(0, shown);
            int first = stops.stream().mapToInt(seen::indexOf).filter(i -> i >= 0).min().orElse(-1);
            if (first >= 0) {
                return first;
            }
        }
        return none;
    }

    @net.jqwik.api.Provide
    net.jqwik.api.Arbitrary<String> fewLetters() {
        return net.jqwik.api.Arbitraries.strings().withChars("abc").ofMaxLength(14);
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
