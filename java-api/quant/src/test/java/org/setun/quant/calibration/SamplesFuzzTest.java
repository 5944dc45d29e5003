package org.setun.quant.calibration;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.setun.formats.FormatException;

/** Any bytes as calibration samples in JSON: read, or refused by a {@link FormatException}. */
class SamplesFuzzTest {

    @FuzzTest(maxDuration = "24h")
    void samples(byte[] bytes) throws IOException {
        try {
            SampleReader.readJson(Path.of("fuzz.json"), new ByteArrayInputStream(bytes), Map.of("7", "answer"), String::length);
        } catch (FormatException expected) {
            // refused: fine
        }
    }
}
