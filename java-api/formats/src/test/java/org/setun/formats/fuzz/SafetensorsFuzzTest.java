package org.setun.formats.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import org.setun.formats.FormatException;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.formats.safetensors.SafetensorsTensor;

/** Any bytes as a safetensors file: read, or refused by a {@link FormatException}. */
class SafetensorsFuzzTest {

    @FuzzTest(maxDuration = "24h")
    void safetensors(byte[] bytes) {
        try {
            SafetensorsFile file = SafetensorsFile.of(MemorySegment.ofArray(bytes), "fuzz.safetensors");
            for (SafetensorsTensor tensor : file.tensors()) {
                file.tensor(tensor.name());
                file.floats(tensor.name());
            }
        } catch (FormatException expected) {
            // refused: fine
        }
    }
}
