package org.setun.quant.calibration;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufFile;

/**
 * One fuzz target per reader. A plain test run feeds each target its stored corpus; {@code tests/fuzz.sh} fuzzes. The only exception that may
 * leave a reader is {@link FormatException}.
 */
class CalibrationFuzzTest {

    @FuzzTest(maxDuration = "10m")
    void imatrix(byte[] bytes) {
        try {
            Imatrix imatrix = Imatrix.of(GgufFile.of(MemorySegment.ofArray(bytes), "fuzz.gguf"));
            imatrix.entries().forEach((name, entry) -> {
                if (entry.matrices() == 1) {
                    imatrix.find(name, 1, entry.columns());
                }
            });
        } catch (FormatException expected) {
            // refused: fine
        }
    }

    @FuzzTest(maxDuration = "10m")
    void calibration(byte[] bytes) {
        try (CalibrationFile file = CalibrationFile.of(MemorySegment.ofArray(bytes), "fuzz.safetensors")) {
            for (InputStatistics input : file.inputs()) {
                input.absmax();
                input.histogram().magnitudeQuantile(0.99);
                for (String weight : input.weights()) {
                    int rows = file.fisher().containsKey(weight) ? file.fisher().get(weight).rows().length : 1;
                    file.find(weight, rows, input.columns());
                    file.hessian(weight);
                }
            }
            file.imatrix();
        } catch (FormatException expected) {
            // refused: fine
        }
    }

    @FuzzTest(maxDuration = "10m")
    void samples(byte[] bytes) throws IOException {
        try {
            SampleReader.readJson(Path.of("fuzz.json"), new ByteArrayInputStream(bytes), Map.of("7", "answer"), String::length);
        } catch (FormatException expected) {
            // refused: fine
        }
    }
}
