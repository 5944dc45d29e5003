package org.setun.formats.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.tokenizer.GgufTokenizers;

/** Any bytes as a GGUF file with its tensors and its tokenizer: read, or refused by a {@link FormatException}. */
class GgufFuzzTest {

    private static final String TEXT = "Once upon a <|endoftext|> time\n 🙂";

    @FuzzTest(maxDuration = "24h")
    void gguf(byte[] bytes) {
        try {
            GgufFile file = GgufFile.of(MemorySegment.ofArray(bytes), "fuzz.gguf");
            for (GgufTensor tensor : file.tensors()) {
                if (Dequantizer.supports(tensor.type())) {
                    file.floats(tensor.name());
                } else {
                    file.tensor(tensor.name());
                }
            }
            GgufTokenizers.read(file.metadata()).encode(TEXT, true);
        } catch (FormatException expected) {
            // refused: fine
        }
    }
}
