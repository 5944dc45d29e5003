package org.setun.formats.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;
import org.setun.formats.FormatException;
import org.setun.formats.HuggingFaceConfig;
import org.setun.formats.safetensors.SafetensorsIndex;

/** Any text as the two JSON files beside Hugging Face tensors: read, or refused by a {@link FormatException}. */
class HuggingFaceFuzzTest {

    @FuzzTest(maxDuration = "24h")
    void huggingFace(byte[] bytes) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        try {
            HuggingFaceConfig.parse(text, "config.json");
        } catch (FormatException expected) {
            // refused: fine
        }
        try {
            SafetensorsIndex.parse(text, "index.json");
        } catch (FormatException expected) {
            // refused: fine
        }
    }
}
