package org.setun.quant.ptq;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import org.setun.formats.AtomicFile;
import org.setun.formats.Sha256;

/**
 * The file while it is being written: {@code NAME.partial}, with a {@link Journal} {@code NAME.partial.journal} of what is done. It takes
 * its
 * name in one step when all is there; until then an older file of that name stays as it is.
 */
final class OutputFile implements AutoCloseable {

    private final Path target;
    private final Path partial;
    private final Journal journal;
    private final FileChannel channel;
    private boolean finished;

    private OutputFile(Path target, Path partial, Journal journal, FileChannel channel) {
        this.target = target;
        this.partial = partial;
        this.journal = journal;
        this.channel = channel;
    }

    /**
     * Opens what an earlier run of the same job has left, or starts anew.
     *
     * @param job   the job's hash
     * @param bytes of the whole file
     * @throws IOException if the folder does not exist or has no room
     */
    static OutputFile open(Path target, String job, long bytes) throws IOException {
        Path partial = partial(target);
        Path folder = partial.toAbsolutePath().getParent();
        if (folder == null || Files.notExists(folder)) {
            throw new NoSuchFileException(String.valueOf(folder));
        }
        long there = Files.exists(partial) ? Files.size(partial) : 0;
        FileStore store = Files.getFileStore(folder);
        requireRoom(folder, bytes - there, store.getUsableSpace());
        Journal journal = Journal.open(partial.resolveSibling(partial.getFileName() + ".journal"), job);
        try {
            FileChannel channel = FileChannel.open(partial, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            if (journal.isNew()) {
                channel.truncate(0);
            }
            return new OutputFile(target, partial, journal, channel);
        } catch (IOException | RuntimeException e) {
            journal.close();
            throw e;
        }
    }

    static Path partial(Path target) {
        return target.resolveSibling(target.getFileName() + ".partial");
    }

    static void requireRoom(Path folder, long needed, long usable) throws IOException {
        if (needed > usable) {
            throw new IOException(String.format("%s has room for %,d bytes, the file takes %,d more: free some space or write elsewhere",
                    folder, usable, needed));
        }
    }

    /** Refuses a target that is one of the files that are read. */
    static void requireOther(Path target, List<Path> inputs) throws IOException {
        for (Path input : inputs) {
            for (Path written : List.of(target, partial(target))) {
                if (Files.exists(written) && Files.isSameFile(written, input)) {
                    throw new IllegalArgumentException(
                            "output = " + target + " would overwrite the input " + input + "; name another file");
                }
            }
        }
        if (Files.isDirectory(target)) {
            throw new IllegalArgumentException("output = " + target + " is a folder; name a file");
        }
    }

    FileChannel channel() {
        return channel;
    }

    /** What an earlier run has noted of a tensor, if the bytes at its place are those that were noted. */
    Optional<Journal.Line> written(String tensor, long position, long bytes) throws IOException {
        Optional<Journal.Line> line = journal.find(tensor);
        return line.isPresent() && Sha256.of(channel, position, bytes).equals(line.get().entry().sha256()) ? line : Optional.empty();
    }

    void note(String tensor, Journal.Line line) throws IOException {
        journal.add(tensor, line);
    }

    /** Writes the head, cuts the file to {@code bytes} and gives it its name. */
    void finish(byte[] head, long bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(head);
        while (buffer.hasRemaining()) {
            channel.write(buffer, buffer.position());
        }
        if (channel.size() < bytes) {
            channel.write(ByteBuffer.allocate(1), bytes - 1); // the padding of the last tensor
        }
        channel.truncate(bytes);
        channel.close();
        AtomicFile.replace(partial, target);
        journal.delete();
        finished = true;
    }

    @Override
    public void close() throws IOException {
        try (journal; channel) {
            if (!finished && channel.isOpen() && channel.size() == 0) {
                Files.deleteIfExists(partial); // nothing worth going on with
                journal.delete();
            }
        }
    }
}
