package org.setun.cli;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class JsonTest {

    record Line(String text, double loss, Double best, int[] tokens, Path file) {
    }

    @Test
    void linesAreAsciiAndHoldOnlyWhatJsonHas() {
        Line line = new Line("gr\u00fc\u00df\n\"\ud83d\ude00", Double.NaN, Double.POSITIVE_INFINITY, new int[]{1, 2},
                Path.of("a", "b.gguf"));
        assertThat(Json.line(line)).isEqualTo("{\"text\":\"gr\\u00FC\\u00DF\\n\\\"\\uD83D\\uDE00\",\"loss\":null,\"best\":null,"
                + "\"tokens\":[1,2],\"file\":\"" + Path.of("a", "b.gguf").toString().replace("\\", "\\\\") + "\"}");
        assertThat(Json.line(new Line("", 0.5, 2.0, new int[0], Path.of("c")))).contains("\"loss\":0.5,\"best\":2.0");
    }
}
