package org.setun.quant.ptq;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufFile;

/** Any bytes as a quantized file with formats of our own and its integrity record: read, or refused by a {@link FormatException}. */
class QuantizedGgufFuzzTest {

    @FuzzTest(maxDuration = "24h")
    void quantizedFile(byte[] bytes) {
        try {
            GgufFile file = GgufFile.of(MemorySegment.ofArray(bytes), "fuzz.gguf");
            for (SetunGguf.Tensor tensor : SetunGguf.of(file).tensors()) {
                if (tensor.format().isPresent()) {
                    int columns = (int) Math.min(tensor.shape()[1], tensor.format().get().blockSize());
                    tensor.format().get().decode(file.tensor(tensor.name()), 0, columns, new float[columns], 0);
                }
            }
            Integrity.verify(file);
        } catch (FormatException expected) {
            // refused: fine
        }
    }
}
