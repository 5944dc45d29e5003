package org.setun.formats;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.formats.safetensors.DType;
import org.setun.formats.safetensors.SafetensorsWriter;

import static org.assertj.core.api.Assertions.assertThat;

class Crc32cTest {

    /** The check value of CRC-32C, and the vector of 32 zeros of RFC 3720, B.4. */
    @Test
    void hasThePublishedValues(@TempDir Path folder) throws IOException {
        byte[] digits = "123456789".getBytes(StandardCharsets.US_ASCII);
        assertThat(Crc32c.of(MemorySegment.ofArray(digits))).isEqualTo("e3069283");
        assertThat(Crc32c.of(MemorySegment.ofArray(new byte[32]))).isEqualTo("8a9136aa");
        assertThat(Crc32c.of(Files.write(folder.resolve("digits"), digits))).isEqualTo("e3069283");
    }

    @Test
    void theWriterKnowsTheSumOfItsFile(@TempDir Path folder) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            SafetensorsWriter writer = new SafetensorsWriter().metadata("a", "b")
                    .tensor("bytes", DType.I8, new long[]{5}, arena.allocateFrom("abcd"))
                    .tensor("floats", DType.F32, new long[]{1}, arena.allocate(4).fill((byte) 7));
            writer.write(folder.resolve("file"));
            assertThat(writer.crc32c()).isEqualTo(Crc32c.of(folder.resolve("file")));
        }
    }
}
