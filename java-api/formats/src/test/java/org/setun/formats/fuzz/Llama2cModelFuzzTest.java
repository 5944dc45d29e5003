package org.setun.formats.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import org.setun.formats.FormatException;
import org.setun.formats.llama2c.Llama2cModel;

/** Any bytes as a llama2.c model: read, or refused by a {@link FormatException}. */
class Llama2cModelFuzzTest {

    @FuzzTest(maxDuration = "24h")
    void llama2cModel(byte[] bytes) {
        try {
            Llama2cModel model = Llama2cModel.of(MemorySegment.ofArray(bytes), "fuzz.bin");
            model.names().forEach(model::floats);
        } catch (FormatException expected) {
            // refused: fine
        }
    }
}
