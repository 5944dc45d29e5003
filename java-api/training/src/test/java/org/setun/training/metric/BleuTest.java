package org.setun.training.metric;

import java.util.List;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

/** Expected scores are those of sacreBLEU 2.6.0, {@code corpus_bleu} with its defaults. */
class BleuTest {

    private static void scores(List<String> hypotheses, List<String> references, double expected) {
        assertThat(Bleu.corpus(hypotheses, references)).isEqualTo(expected, within(1e-9));
    }

    @Test
    void equalsSacrebleu() {
        scores(List.of("the cat sat on the mat"), List.of("the cat sat on the mat"), 100);
        scores(List.of("the the the the the the the"), List.of("the cat is on the mat"), 7.809849842300637);
        scores(List.of("It costs 3.50, really - not 3-4 dollars.", "He said: \"yes &amp; no\""),
                List.of("It costs 3.5, really; not 3-4 dollars!", "He said \"yes & no\"."), 47.84023976826743);
        scores(List.of("a quick brown fox jumps over a dog", "hello there general"),
                List.of("the quick brown fox jumped over the lazy dog", "hello there , general Kenobi"), 18.46824180600787);
        scores(List.of("x"), List.of("x"), 0);
        scores(List.of("abc def"), List.of("ghi"), 0);
    }

    @Test
    void listsMustPair() {
        assertThatIllegalArgumentException().isThrownBy(() -> Bleu.corpus(List.of("a"), List.of())).withMessageContaining("hypotheses: 1");
    }
}
