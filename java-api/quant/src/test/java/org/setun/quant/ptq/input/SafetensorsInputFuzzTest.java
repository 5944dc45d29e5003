package org.setun.quant.ptq.input;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufWriter;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.quant.format.WeightRows;

/**
 * Any bytes as {@code config.json}, a zero byte and a safetensors file that belongs to it: all tensors are read, or it is refused by a
 * {@link FormatException}.
 */
class SafetensorsInputFuzzTest {

    @FuzzTest(maxDuration = "24h")
    void safetensorsInput(byte[] bytes) {
        int end = 0;
        while (end < bytes.length && bytes[end] != 0) {
            end++;
        }
        String config = new String(bytes, 0, end, StandardCharsets.UTF_8);
        MemorySegment tensors = MemorySegment.ofArray(Arrays.copyOfRange(bytes, Math.min(end + 1, bytes.length), bytes.length));
        try (SafetensorsInput input = SafetensorsInput.of(config, SafetensorsFile.of(tensors, "fuzz.safetensors"))) {
            input.writeMetadata(new GgufWriter(input.architecture()));
            for (InputTensor tensor : input.tensors()) {
                WeightRows rows = input.rows(tensor);
                float[] row = new float[rows.columns()];
                rows.read(0, row, 0);
                rows.read(rows.rows() - 1, row, 0);
            }
        } catch (FormatException expected) {
            // refused: fine
        }
    }
}
