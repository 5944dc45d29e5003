package org.setun.formats.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.setun.formats.FormatException;
import org.setun.formats.tokenizer.TokenizerJson;

/** Any bytes as a Hugging Face {@code tokenizer.json}: read, or refused by a {@link FormatException}. */
class TokenizerJsonFuzzTest {

    private static final String TEXT = "Once upon a <|endoftext|> time\n 🙂";

    @FuzzTest(maxDuration = "24h")
    void tokenizerJson(byte[] bytes) {
        try {
            TokenizerJson.parse(bytes, "fuzz.json").encode(TEXT, true);
        } catch (FormatException expected) {
            // refused: fine
        }
    }
}
