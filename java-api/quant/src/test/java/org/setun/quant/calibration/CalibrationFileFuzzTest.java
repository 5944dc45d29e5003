package org.setun.quant.calibration;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import org.setun.formats.FormatException;

/** Any bytes as a calibration file: read, or refused by a {@link FormatException}. */
class CalibrationFileFuzzTest {

    @FuzzTest(maxDuration = "24h")
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
}
