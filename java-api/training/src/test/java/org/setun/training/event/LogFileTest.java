package org.setun.training.event;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;

/** A log on a disk that is full at times. */
class LogFileTest {

    @TempDir
    Path folder;

    /** Takes {@code room} more bytes, one at a time. */
    private static final class Disk implements SeekableByteChannel {
        private final FileChannel file;
        private long room = Long.MAX_VALUE;

        Disk(FileChannel file) {
            this.file = file;
        }

        @Override
        public int write(ByteBuffer from) throws IOException {
            if (room-- <= 0) {
                throw new IOException("No space left on device");
            }
            return file.write(ByteBuffer.wrap(new byte[]{from.get()}));
        }

        @Override
        public int read(ByteBuffer to) throws IOException {
            return file.read(to);
        }

        @Override
        public long position() throws IOException {
            return file.position();
        }

        @Override
        public SeekableByteChannel position(long position) throws IOException {
            return file.position(position);
        }

        @Override
        public long size() throws IOException {
            return file.size();
        }

        @Override
        public SeekableByteChannel truncate(long size) throws IOException {
            return file.truncate(size);
        }

        @Override
        public boolean isOpen() {
            return file.isOpen();
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }

    /** Keeps what a run is warned of. */
    private static final class Warnings implements TrainingListener.Control {
        private final List<String> messages = new ArrayList<>();

        @Override
        public void stop(String reason) {
            throw new AssertionError(reason);
        }

        @Override
        public void warn(String message) {
            messages.add(message);
        }
    }

    @Test
    void recordsAreWrittenWholeOrNotAtAllAndTheFirstLossIsTold() throws IOException {
        Path path = folder.resolve("log");
        Warnings warnings = new Warnings();
        Disk disk = new Disk(FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND));
        try (LogFile log = new LogFile(path, disk)) {
            assertThat(log.append("one\n".getBytes(), warnings)).isTrue();
            disk.room = 2;
            assertThat(log.append("two\n".getBytes(), warnings)).isFalse();
            assertThat(path).as("no half record").hasContent("one\n");
            assertThat(log.append("three\n".getBytes(), warnings)).isFalse();
            assertThat(warnings.messages).singleElement().asString().contains(path.toString(), "No space left on device", "make room");
            disk.room = Long.MAX_VALUE;
            assertThat(log.append("four\n".getBytes(), warnings)).isTrue();
            disk.room = 0;
            assertThat(log.append("five\n".getBytes(), warnings)).isFalse();
            assertThat(warnings.messages).as("full once more").hasSize(2);
        }
        assertThat(path).hasContent("one\nfour\n");
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aFullDiskEndsNeitherLinesNorBoard() throws IOException {
        TrainingEvent event = new TrainingEvent.Progress("t", 1, 10, 2.5, 1e-3, 0.7, 999, 9, 1);
        Warnings warnings = new Warnings();
        try (JsonLines lines = new JsonLines(Path.of("/dev/full"))) {
            lines.on(event, warnings);
            lines.on(event, warnings);
        }
        Files.createSymbolicLink(folder.resolve("events.out.tfevents.1." + ProcessHandle.current().pid()), Path.of("/dev/full"));
        try (TensorBoardLog board = new TensorBoardLog(folder, Clock.fixed(Instant.ofEpochSecond(1), ZoneOffset.UTC))) {
            board.on(event, warnings);
            board.on(event, warnings);
        }
        assertThat(warnings.messages).hasSize(2);
        assertThat(warnings.messages.get(0)).contains("/dev/full");
        assertThat(warnings.messages.get(1)).contains("tfevents");
    }
}
