package org.setun.formats;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Saves a file so that a reader finds either the old content or the whole new one, also after a power cut in mid-save: the content goes to
 * a temporary name in the same directory, is forced to the device, takes the final name in one rename, and the directory is forced too.
 *
 * <p>
 * When the body or the device fails, the old file is untouched and the temporary one is removed. A killed process can leave a file named
 * {@code .NAME.PID-N.tmp} behind ({@link #isTemporary}). Safe for use by many threads; of two saves to one name the later rename wins.
 */
public final class AtomicFile {

    private static final String SUFFIX = ".tmp";
    private static final AtomicLong COUNTER = new AtomicLong();

    /** Writes the content of a file. */
    @FunctionalInterface
    public interface Body {
        /** Writes everything to {@code channel}, which stands at position 0 and is closed by the caller. */
        void write(FileChannel channel) throws IOException;
    }

    private AtomicFile() {
    }

    /**
     * Replaces or creates {@code target} with what {@code body} writes.
     *
     * @throws IOException of the body or the device; {@code target} is then as it was
     */
    public static void write(Path target, Body body) throws IOException {
        Path file = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
        Path name = file.getFileName();
        Path directory = file.getParent();
        if (name == null || directory == null || Files.isDirectory(file)) {
            throw new IllegalArgumentException("target = " + target + " is not the name of a file");
        }
        Path temporary = directory.resolve("." + name + "." + ProcessHandle.current().pid() + "-" + COUNTER.incrementAndGet() + SUFFIX);
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                body.write(channel);
                channel.force(true);
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (Throwable failure) {
            try {
                Files.deleteIfExists(temporary);
            } catch (IOException alsoFailed) {
                failure.addSuppressed(alsoFailed);
            }
            throw failure;
        }
        forceDirectory(directory);
    }

    /**
     * Replaces or creates {@code target} with {@code content}.
     *
     * @throws IOException of the device; {@code target} is then as it was
     */
    public static void write(Path target, byte[] content) throws IOException {
        write(target, channel -> writeFully(channel, ByteBuffer.wrap(content)));
    }

    /** A device that is nearly full takes less than it is given, and says so only the next time. */
    static void writeFully(WritableByteChannel channel, ByteBuffer content) throws IOException {
        while (content.hasRemaining()) {
            channel.write(content);
        }
    }

    /**
     * Gives {@code finished}, a whole file in the folder of {@code target}, that name in one rename, both forced to the device: for files that
     * grow over several runs of a program.
     *
     * @throws IOException of the device; {@code target} is then as it was
     */
    public static void replace(Path finished, Path target) throws IOException {
        Path file = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
        Path directory = file.getParent();
        if (directory == null || Files.isDirectory(file)) {
            throw new IllegalArgumentException("target = " + target + " is not the name of a file");
        }
        try (FileChannel channel = FileChannel.open(finished, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
        Files.move(finished, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        forceDirectory(directory);
    }

    /** Whether {@code file} has the name of an unfinished save. */
    public static boolean isTemporary(Path file) {
        Path name = file.getFileName();
        return name != null && name.toString().startsWith(".") && name.toString().endsWith(SUFFIX);
    }

    private static void forceDirectory(Path directory) throws IOException {
        if (System.getProperty("os.name", "").startsWith("Windows")) {
            return; // directories cannot be opened there; NTFS journals the rename
        }
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
