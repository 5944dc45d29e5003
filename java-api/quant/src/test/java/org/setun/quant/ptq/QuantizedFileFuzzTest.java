package org.setun.quant.ptq;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import org.setun.formats.FormatException;
import org.setun.formats.HuggingFaceConfig;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.safetensors.SafetensorsIndex;

/**
 * One fuzz target per reader. A plain test run feeds each target its stored corpus; {@code tests/fuzz.sh} fuzzes. The only exception that may
 * leave a reader is {@link FormatException}.
 */
class QuantizedFileFuzzTest {

    @FuzzTest(maxDuration = "10m")
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

    @FuzzTest(maxDuration = "10m")
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
