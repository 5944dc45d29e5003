package org.setun.cli.quickstart;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.setun.training.checkpoint.FolderLock;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class QuickstartFolderTest {

    private static final List<String> WRITTEN = List.of("ternary.gguf", "fp32-twin.gguf", "held-out.svg", "held-out.png",
            "runs/data/train.tokens",
            "runs/ternary/step-00000100/model.safetensors", "runs/fp32/events.jsonl");

    @TempDir
    Path temporary;
    private Path out;

    @BeforeEach
    void anEarlierRun() throws IOException {
        out = temporary.resolve("out");
        QuickstartFolder.prepare(out);
        for (String name : WRITTEN) {
            write(out.resolve(name));
        }
    }

    private static Path write(Path file) throws IOException {
        Files.createDirectories(file.getParent());
        return Files.writeString(file, "content");
    }

    @Test
    void whatAnEarlierRunWroteGoesAndTheRestStays() throws IOException {
        Path notes = write(out.resolve("notes.txt"));
        Path other = write(out.resolve("runs/mine/model.gguf"));
        QuickstartFolder.prepare(out);
        assertThat(WRITTEN).allSatisfy(name -> assertThat(out.resolve(name)).doesNotExist());
        assertThat(notes).hasContent("content");
        assertThat(other).hasContent("content");
    }

    @Test
    void aFolderOfOtherFilesIsRefused() throws IOException {
        Path foreign = write(temporary.resolve("foreign/ternary.gguf"));
        assertThatIllegalArgumentException().isThrownBy(() -> QuickstartFolder.prepare(foreign.getParent()))
                .withMessageContaining("holds files that no quickstart wrote");
        assertThat(foreign).hasContent("content");
        assertThat(foreign.resolveSibling(QuickstartFolder.MARKER)).doesNotExist();
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void linksAreNeitherFollowedNorTakenForFiles() throws IOException {
        Path precious = write(temporary.resolve("precious/runs/ternary/model.gguf"));
        Path link = Files.createSymbolicLink(out.resolve("runs/data/link"), precious.getParent());
        QuickstartFolder.prepare(out);
        assertThat(Files.isSymbolicLink(link)).isFalse();
        assertThat(precious).hasContent("content");

        Path kept = write(out.resolve("held-out.svg"));
        Files.delete(out.resolve("runs"));
        Files.createSymbolicLink(out.resolve("runs"), temporary.resolve("precious/runs"));
        assertThatIllegalArgumentException().isThrownBy(() -> QuickstartFolder.prepare(out))
                .withMessageContaining("runs is not the folder");
        assertThat(precious).hasContent("content");
        assertThat(kept).as("nothing goes if anything must stay").exists();
    }

    @Test
    void aRunInProgressIsLeftAlone() throws IOException {
        FolderLock lock = FolderLock.acquire(out.resolve("runs/ternary"));
        try {
            assertThatThrownBy(() -> QuickstartFolder.prepare(out)).isInstanceOf(IOException.class)
                    .hasMessageContaining("in use by process");
        } finally {
            lock.close();
        }
        assertThat(WRITTEN).allSatisfy(name -> assertThat(out.resolve(name)).exists());
    }
}
