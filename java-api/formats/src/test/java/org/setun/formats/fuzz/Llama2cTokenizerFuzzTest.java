package org.setun.formats.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import org.setun.formats.FormatException;
import org.setun.formats.llama2c.Llama2cTokenizer;

/** Any bytes as a llama2.c tokenizer: read, or refused by a {@link FormatException}. */
class Llama2cTokenizerFuzzTest {

    private static final String TEXT = "Once upon a <|endoftext|> time\n 🙂";

    @FuzzTest(maxDuration = "24h")
    void llama2cTokenizer(byte[] bytes) {
        try {
            Llama2cTokenizer.of(MemorySegment.ofArray(bytes), "fuzz.bin").encode(TEXT, true);
        } catch (FormatException expected) {
            // refused: fine
        }
    }
}
