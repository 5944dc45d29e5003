package org.setun.quant.calibration;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.formats.llama2c.Llama2cTokenizer;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class TextChunksTest {

    @TempDir
    Path folder;

    /** The first token of each chunk after the first gives way to the begin marker. */
    @Test
    void chunksLieSideBySideBehindTheBeginMarker() throws IOException {
        Tokenizer tokenizer = Llama2cTokenizer.open(TestData.require("models/stories260K/tok512.bin"));
        String text = "Once upon a time there was a little girl named Lily.\n".repeat(30);
        Path file = Files.writeString(folder.resolve("a.txt"), text);
        List<Integer> stream = new ArrayList<>(List.of(tokenizer.bos()));
        for (int id : tokenizer.encode(text, false, false)) {
            stream.add(id);
        }
        List<int[]> chunks = TextChunks.read(List.of(file), tokenizer, 16, 0);
        assertThat(chunks).hasSize(stream.size() / 16);
        for (int i = 0; i < chunks.size(); i++) {
            for (int j = 0; j < 16; j++) {
                assertThat(chunks.get(i)[j]).isEqualTo(j == 0 ? tokenizer.bos() : stream.get(16 * i + j));
            }
        }
        assertThat(TextChunks.read(List.of(file), tokenizer, 16, 2)).hasSize(2).first().isEqualTo(chunks.getFirst());
        assertThat(TextChunks.names(List.of(file))).containsExactly("a.txt");
        assertThatThrownBy(() -> TextChunks.read(List.of(file), tokenizer, 4000, 0)).hasMessageContaining("less than one chunk");
        assertThatThrownBy(() -> TextChunks.read(List.of(file), tokenizer, 1, 0)).hasMessageContaining("context = 1");
    }
}
