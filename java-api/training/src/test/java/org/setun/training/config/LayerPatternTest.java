package org.setun.training.config;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

class LayerPatternTest {

    @ParameterizedTest
    @CsvSource(textBlock = """
            *,              blk.0.ffn_down.weight, true
            *ffn_down,      blk.0.ffn_down.weight, true
            *ffn_down.weight, blk.0.ffn_down.weight, true
            *ffn_dow,       blk.0.ffn_down.weight, false
            blk.1.*,        blk.1.attn_q.weight,   true
            blk.1.*,        blk.10.attn_q.weight,  false
            blk.*.attn_*,   blk.10.attn_q.weight,  true
            blk*attn*ffn*,  blk.10.attn_q.weight,  false
            blk.0.attn_q,   blk.0.attn_q.weight,   true
            blk.0.attn_q,   blk.0.attn_q,          true
            blk.0.attn_q,   blk.0.attn_q.weights,  false
            a*a,            a,                     false
            a*a,            aa,                    true
            a**b*b,         axbxbyb,               true
            *ab*abc,        abxababc,              true
            .*,             blk,                   false
            """)
    void aStarStandsForAnything(String pattern, String name, boolean fits) {
        assertThat(new LayerPattern(pattern, "4").matches(name)).isEqualTo(fits);
    }

    /** A configuration can be somebody else's, as that of a checkpoint. */
    @Test
    void manyStarsTakeNoTime() {
        LayerPattern pattern = new LayerPattern("*".repeat(40) + "x", "4");
        assertTimeoutPreemptively(Duration.ofSeconds(5),
                () -> assertThat(pattern.matches("blk.0.post_attention_layernorm.weight")).isFalse());
        LayerPattern letters = new LayerPattern("*a".repeat(40) + "b", "4");
        assertTimeoutPreemptively(Duration.ofSeconds(5), () -> assertThat(letters.matches("a".repeat(120))).isFalse());
    }

    @Test
    void longOnesAreNone() {
        assertThat(LayerPattern.parse("*ffn_down=4")).contains(new LayerPattern("*ffn_down", "4"));
        assertThat(LayerPattern.parse("*".repeat(300) + "=4")).isEmpty();
    }
}
