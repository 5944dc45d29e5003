package org.setun.formats;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class AtomicFileTest {

    @TempDir
    Path folder;

    @Test
    void replacesTheOldContentAndLeavesNothingElse() throws IOException {
        Path file = folder.resolve("model.bin");
        AtomicFile.write(file, channel -> channel.write(ByteBuffer.wrap("old content".getBytes())));
        AtomicFile.write(file, channel -> channel.write(ByteBuffer.wrap("new".getBytes())));
        assertThat(file).hasContent("new");
        assertThat(folder.toFile().list()).containsExactly("model.bin");
    }

    @Test
    void aFailedSaveKeepsTheOldFileAndRemovesTheTemporaryOne() throws IOException {
        Path file = folder.resolve("model.bin");
        Files.writeString(file, "old");
        assertThatIOException().isThrownBy(() -> AtomicFile.write(file, channel -> {
            channel.write(ByteBuffer.wrap("half of the new".getBytes()));
            throw new IOException("No space left on device");
        })).withMessage("No space left on device");
        assertThat(file).hasContent("old");
        assertThat(folder.toFile().list()).containsExactly("model.bin");
    }

    @Test
    void theOldFileIsReadableWhileTheNewOneIsWritten() throws IOException {
        Path file = folder.resolve("model.bin");
        Files.writeString(file, "old");
        AtomicFile.write(file, channel -> {
            channel.write(ByteBuffer.wrap("new".getBytes()));
            assertThat(file).hasContent("old");
            try (var files = Files.list(folder)) {
                assertThat(files.filter(AtomicFile::isTemporary)).hasSize(1);
            }
        });
        assertThat(AtomicFile.isTemporary(file)).isFalse();
    }

    @Test
    void aSymbolicLinkKeepsPointingAtTheFile() throws IOException {
        Path file = Files.writeString(folder.resolve("real.bin"), "old");
        Path link = Files.createSymbolicLink(folder.resolve("link.bin"), file);
        AtomicFile.write(link, channel -> channel.write(ByteBuffer.wrap("new".getBytes())));
        assertThat(file).hasContent("new");
        assertThat(Files.isSymbolicLink(link)).isTrue();
    }

    /** As a device does that is nearly full. */
    @Test
    void aShortWriteIsGoneOnWith() throws IOException {
        ByteArrayOutputStream taken = new ByteArrayOutputStream();
        WritableByteChannel three = new WritableByteChannel() {
            @Override
            public int write(ByteBuffer from) {
                int count = Math.min(3, from.remaining());
                for (int i = 0; i < count; i++) {
                    taken.write(from.get());
                }
                return count;
            }

            @Override
            public boolean isOpen() {
                return true;
            }

            @Override
            public void close() {
                // nothing to give back
            }
        };
        AtomicFile.writeFully(three, ByteBuffer.wrap("ten bytes.".getBytes()));
        assertThat(taken.toString()).isEqualTo("ten bytes.");
        AtomicFile.write(folder.resolve("result.json"), "{}".getBytes());
        assertThat(folder.resolve("result.json")).hasContent("{}");
    }

    @Test
    void aFolderIsNoTarget() {
        assertThatIllegalArgumentException().isThrownBy(() -> AtomicFile.write(folder, channel -> {
        })).withMessageContaining(folder.toString());
    }
}
