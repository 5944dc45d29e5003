package org.setun.formats;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Files that grow over several runs. */
class PartialFileTest {

    private static final MemorySegment DATA = MemorySegment.ofArray(new double[]{1, 2, 3});

    @TempDir
    private Path folder;

    private Path target() {
        return folder.resolve("out");
    }

    private PartialFile open(String job) throws IOException {
        return PartialFile.open(target(), "setun test 1", job, 100);
    }

    private void interrupted() throws IOException {
        Files.writeString(target(), "old");
        try (PartialFile file = open("job")) {
            assertThat(file.startsAgain()).isFalse();
            file.write("a", 4, DATA);
            file.note("b", new PartialFile.Piece(Sha256.of("b"), 7, List.of("q2_k", "")));
        }
        assertThat(target()).hasContent("old");
    }

    @Test
    void theNextRunGoesOnWithWhatIsThere() throws IOException {
        interrupted();
        try (PartialFile file = open("job")) {
            assertThat(file.startsAgain()).isFalse();
            assertThat(file.written("a", 4, 24)).isPresent();
            assertThat(file.written("a", 5, 24)).isEmpty();
            assertThat(file.written("c", 4, 24)).isEmpty();
            assertThat(file.noted("b").orElseThrow().notes()).containsExactly("q2_k", "");
            file.finish(new byte[]{1, 2, 3, 4}, 100);
        }
        assertThat(Files.size(target())).isEqualTo(100);
        assertThat(Files.readAllBytes(target())).startsWith(1, 2, 3, 4).endsWith(0, 0);
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(target());
        }
    }

    @Test
    void whatAnotherJobLeftIsThrownAwayWithAWord() throws IOException {
        interrupted();
        try (PartialFile file = open("other")) {
            assertThat(file.startsAgain()).isTrue();
            assertThat(file.noted("a")).isEmpty();
            assertThat(file.channel().size()).isZero();
        }
        assertThat(target()).hasContent("old");
        try (var files = Files.list(folder)) {
            assertThat(files).as("nothing worth going on with").containsExactly(target());
        }
    }

    /** A line that a kill cut short, and one that was changed, count for nothing, and so does all that follows them. */
    @Test
    void damagedLinesCountForNothing() throws IOException {
        interrupted();
        Path journal = folder.resolve("out.partial.journal");
        String text = Files.readString(journal);
        Files.writeString(journal, text.substring(0, text.length() - 3));
        try (PartialFile file = open("job")) {
            assertThat(file.written("a", 4, 24)).isPresent();
            assertThat(file.noted("b")).isEmpty();
        }
        Files.writeString(journal, text.replaceFirst("\n.", "\nX"));
        try (PartialFile file = open("job")) {
            assertThat(file.noted("a")).isEmpty();
            assertThat(file.noted("b")).isEmpty();
        }
    }

    @Test
    void aFolderWithoutRoomIsRefusedBeforehand() throws IOException {
        PartialFile.requireRoom(folder, 100, 100);
        assertThatThrownBy(() -> PartialFile.requireRoom(folder, 101, 100)).isInstanceOf(IOException.class).hasMessageContaining("101");
        assertThatThrownBy(() -> PartialFile.open(folder.resolve("huge"), "setun test 1", "job", Long.MAX_VALUE))
                .isInstanceOf(IOException.class).hasMessageContaining("room");
        try (var files = Files.list(folder)) {
            assertThat(files).isEmpty();
        }
    }

    /** The length of a file with holes says nothing of the room that it takes. */
    @Test
    void holesAreNoRoom() throws IOException {
        interrupted();
        try (FileChannel sparse = FileChannel.open(folder.resolve("out.partial"), StandardOpenOption.WRITE)) {
            sparse.write(ByteBuffer.allocate(1), 1L << 40);
        }
        long usable = Files.getFileStore(folder).getUsableSpace();
        assertThatThrownBy(() -> PartialFile.open(target(), "setun test 1", "job", usable + (1L << 39))).isInstanceOf(IOException.class)
                .hasMessageContaining("room");
        try (PartialFile file = open("job")) {
            assertThat(file.written("a", 4, 24)).as("a refusal keeps what is there").isPresent();
        }
    }

    @Test
    void linksInItsPlaceAreNotFollowed() throws IOException {
        Path victim = Files.writeString(folder.resolve("victim"), "precious");
        for (String name : List.of("out.partial", "out.partial.journal")) {
            for (Path to : List.of(victim, folder.resolve("nothing"))) {
                Path link = Files.createSymbolicLink(folder.resolve(name), to);
                assertThatThrownBy(() -> open("job")).as(name).isInstanceOf(IOException.class).hasMessageContaining(name)
                        .hasMessageContaining("move it away");
                assertThat(link).isSymbolicLink();
                Files.delete(link);
            }
            Files.createLink(folder.resolve(name), victim);
            assertThatThrownBy(() -> open("job")).as(name).isInstanceOf(IOException.class).hasMessageContaining("move it away");
            Files.delete(folder.resolve(name));
        }
        assertThat(victim).hasContent("precious");
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(victim);
        }
    }

    @Test
    void aFileThatNoRunHasWrittenStays() throws IOException {
        for (String name : List.of("out.partial", "out.partial.journal")) {
            Path own = Files.writeString(folder.resolve(name), "my own notes\n");
            assertThatThrownBy(() -> open("job")).isInstanceOf(IOException.class)
                    .hasMessageContaining("not the rest of an interrupted run");
            assertThat(own).hasContent("my own notes\n");
            Files.delete(own);
        }
    }

    /** The rename must stay on one device, so all is written where the link leads to. */
    @Test
    void aLinkIsResolvedOnce() throws IOException {
        Path other = Files.createDirectory(folder.resolve("other"));
        Path real = Files.writeString(other.resolve("real"), "old");
        Files.createSymbolicLink(target(), real);
        try (PartialFile file = open("job")) {
            assertThat(other.resolve("real.partial")).exists();
            assertThat(folder.resolve("out.partial")).doesNotExist();
            assertThat(PartialFile.partial(target())).isEqualTo(other.toRealPath().resolve("real.partial"));
            file.write("a", 4, DATA);
            file.finish(new byte[]{1, 2, 3, 4}, 28);
        }
        assertThat(target()).isSymbolicLink();
        assertThat(real).hasSize(28);
        try (var files = Files.list(other)) {
            assertThat(files).containsExactly(real);
        }
    }

    @Test
    void twoRunsDoNotWriteOneFile() throws IOException {
        try (PartialFile file = open("job")) {
            file.write("a", 0, DATA);
            assertThatThrownBy(() -> open("job")).isInstanceOf(IllegalStateException.class).hasMessageContaining("writing this file");
        }
        assertThatThrownBy(() -> PartialFile.requireOther(target(), List.of(folder.resolve("out.partial"))))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("output");
    }
}
