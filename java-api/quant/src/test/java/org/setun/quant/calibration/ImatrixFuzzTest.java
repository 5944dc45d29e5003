package org.setun.quant.calibration;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufFile;

/** Any bytes as an importance matrix: read, or refused by a {@link FormatException}. */
class ImatrixFuzzTest {

    @FuzzTest(maxDuration = "24h")
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
}
