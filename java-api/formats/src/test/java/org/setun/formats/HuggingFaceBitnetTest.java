package org.setun.formats;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.formats.HuggingFaceBitnet.Convention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class HuggingFaceBitnetTest {

    @TempDir
    Path folder;

    /** A weight [5][2] in two packed rows: rows 0, 2, 4 in the first, rows 1, 3 in the second; codes -1 0 +1 as 0 1 2. */
    private static final MemorySegment FIVE_ROWS = MemorySegment.ofArray(new byte[]{
            0b00_10_01_00, 0b00_01_01_01, // rows 4 2 0 from the top: +1 0 -1 and 0 0 0
            0b00_00_00_10, 0b00_00_01_01}); // rows 3 1: -1 +1 and 0 0; the pairs above are no rows

    private static HuggingFaceBitnet of(String layer) {
        return HuggingFaceBitnet.parse("{\"quantization_config\":{\"quant_method\":\"bitnet\"" + layer + "}}", "config.json");
    }

    @Test
    void theLinearClassDecidesWhatTheScaleMeans() throws IOException {
        HuggingFaceBitnet direct = of(",\"linear_class\":\"autobitlinear\",\"quantization_mode\":\"offline\"");
        HuggingFaceBitnet inverse = of(",\"linear_class\":\"bitlinear\"");
        assertThat(direct.convention()).isEqualTo(Convention.DIRECT);
        assertThat(inverse.convention()).isEqualTo(Convention.INVERSE);
        assertThat(of("").convention()).as("transformers' default").isEqualTo(Convention.INVERSE);
        assertThat(direct.gamma("q", FIVE_ROWS, 5, 2, 0.25f)).isEqualTo(0.25f);
        assertThat(inverse.gamma("q", FIVE_ROWS, 5, 2, 4f)).isEqualTo(0.25f);
        Path file = Files.writeString(folder.resolve("config.json"), "{\"quantization_config\":{\"quant_method\":\"bitnet\"}}");
        assertThat(HuggingFaceBitnet.read(file).convention()).isEqualTo(Convention.INVERSE);
    }

    @Test
    void theWrongConventionIsNoticed() {
        HuggingFaceBitnet direct = of(",\"linear_class\":\"autobitlinear\"");
        // 4 of 10 weights are not 0: mean |w| is 0.4 * 40
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> direct.gamma("blk.q", FIVE_ROWS, 5, 2, 40f))
                .withMessageContaining("blk.q").withMessageContaining("16.0").withMessageContaining("other way round");
        assertThat(direct.gamma("blk.q", FIVE_ROWS, 5, 2, 12f)).as("0.4 * 12 is just plausible").isEqualTo(12f);
    }

    @Test
    void damagedScalesAndCodesAreRefused() {
        HuggingFaceBitnet inverse = of("");
        for (float scale : new float[]{0, -1, Float.NaN, Float.POSITIVE_INFINITY, 1e-40f}) {
            assertThatExceptionOfType(FormatException.class).isThrownBy(() -> inverse.gamma("q", FIVE_ROWS, 5, 2, scale))
                    .withMessageContaining("weight_scale");
        }
        MemorySegment notTernary = MemorySegment.ofArray(new byte[]{0b01_11_01_01});
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> inverse.gamma("q", notTernary, 4, 1, 1f))
                .withMessageContaining("row 2, column 0");
        assertThatIllegalArgumentException().isThrownBy(() -> inverse.gamma("q", FIVE_ROWS, 9, 2, 1f));
    }

    @Test
    void otherCheckpointsAreRefused() {
        for (String json : new String[]{"{}", "[", "{\"quantization_config\":{\"quant_method\":\"gptq\"}}",
                "{\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"linear\"}}",
                "{\"quantization_config\":{\"quant_method\":\"bitnet\",\"quantization_mode\":\"online\"}}"}) {
            assertThatExceptionOfType(FormatException.class).isThrownBy(() -> HuggingFaceBitnet.parse(json, "config.json"))
                    .withMessageStartingWith("config.json");
        }
    }
}
