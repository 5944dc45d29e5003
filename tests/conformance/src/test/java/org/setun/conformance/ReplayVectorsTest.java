package org.setun.conformance;

import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** The committed replay vectors are those of the reference. */
class ReplayVectorsTest {

    @Test
    void theCommittedFileIsUpToDate() throws IOException {
        byte[] vectors = ReplayVectors.generate();
        if (Boolean.getBoolean("setun.vectors.rewrite")) {
            Files.write(ReplayVectors.FILE, vectors);
        }
        assertThat(vectors.length).as("bytes in the repository").isLessThan(950_000);
        assertThat(Files.readAllBytes(ReplayVectors.FILE)).as("rewrite as tests/native/README.md says").isEqualTo(vectors);
    }
}
