package org.setun.formats;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.List;
import java.util.Optional;
import org.setun.formats.internal.Output;

/**
 * A large file that grows piece by piece, over several runs of a program if need be: {@code NAME.partial}, with a journal {@code
 * NAME.partial.journal} of the pieces that are there. It takes its name in one step when all is there; until then an older file of that name
 * stays as it is. A run that was killed is gone on with by the next one of the same job; what a run of another job left is thrown away.
 *
 * <p>
 * The journal is locked, so two runs never write one file. One thread at a time.
 */
public final class PartialFile implements AutoCloseable {

    private static final String SUFFIX = ".partial";
    private static final String JOURNAL = ".journal";
    private static final int CHUNK = 1 << 24;

    /**
     * What the journal says of a piece.
     *
     * @param sha256 of its bytes
     * @param bytes  how many
     * @param notes  printable ASCII, for whoever wrote it
     */
    public record Piece(String sha256, long bytes, List<String> notes) {

        /** Copies the notes. */
        public Piece {
            notes = List.copyOf(notes);
        }
    }

    private final Path target;
    private final Path partial;
    private final PartialJournal journal;
    private final FileChannel channel;
    private boolean finished;

    private PartialFile(Path target, Path partial, PartialJournal journal, FileChannel channel) {
        this.target = target;
        this.partial = partial;
        this.journal = journal;
        this.channel = channel;
    }

    /**
     * Opens what an earlier run of the same job has left, or starts anew. If {@code target} is a link, the file that it leads to is replaced,
     * and all is written beside that. Links in the place of {@code NAME.partial} or its journal are never followed, and a file there that is
     * not the rest of a run stays as it is.
     *
     * @param kind  the kind of work and its version, such as {@code setun quantize 1}
     * @param job   a hash of all that decides the bytes
     * @param bytes of the whole file
     * @throws IllegalStateException if another run is writing the same file
     * @throws FileAlreadyExistsException if something else has the name {@code NAME.partial}
     * @throws AccessDeniedException if the folder cannot be written in
     * @throws IOException if the folder does not exist or has no room
     */
    public static PartialFile open(Path target, String kind, String job, long bytes) throws IOException {
        Path file = resolved(target);
        Path partial = beside(file, SUFFIX);
        Path folder = file.getParent();
        if (folder == null || Files.notExists(folder)) {
            throw new NoSuchFileException(String.valueOf(folder));
        }
        if (!Files.isWritable(folder)) {
            throw new AccessDeniedException(folder.toString(), null, "cannot write in " + folder);
        }
        PartialJournal journal = PartialJournal.open(beside(partial, JOURNAL), kind, job);
        FileChannel channel = null;
        try {
            if (journal.isFirst() && Files.exists(partial, LinkOption.NOFOLLOW_LINKS)) {
                throw foreign(partial);
            }
            channel = open(partial);
            if (journal.isNew()) {
                channel.truncate(0);
            }
            FileStore store = Files.getFileStore(folder);
            // what the journal notes is on the device; the length of a file with holes says nothing of that
            requireRoom(folder, bytes - Math.min(journal.bytes(), channel.size()), store.getUsableSpace());
            return new PartialFile(file, partial, journal, channel);
        } catch (IOException | RuntimeException e) {
            try (journal; FileChannel opened = channel) {
                if (journal.isNew()) {
                    if (opened != null) {
                        Files.deleteIfExists(partial);
                    }
                    journal.delete();
                }
            }
            throw e;
        }
    }

    /** Opens or creates a file of a run, which is never reached through a link. */
    static FileChannel open(Path path) throws IOException {
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS) && !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            throw foreign(path);
        }
        return FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE,
                LinkOption.NOFOLLOW_LINKS);
    }

    static FileAlreadyExistsException foreign(Path path) {
        return new FileAlreadyExistsException(path.toString(), null,
                "it is not the rest of an interrupted run; move it away, or name another output");
    }

    /** The file that is replaced: where a link leads to, else the path itself. */
    private static Path resolved(Path target) throws IOException {
        return Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
    }

    private static Path beside(Path path, String suffix) {
        return path.resolveSibling(path.getFileName() + suffix);
    }

    /** The name of {@code target}, or of the file that it links to, while it is being written. */
    public static Path partial(Path target) throws IOException {
        return beside(resolved(target), SUFFIX);
    }

    static void requireRoom(Path folder, long needed, long usable) throws IOException {
        if (needed > usable) {
            throw new IOException(String.format("%s has room for %,d bytes, the file takes %,d more: free some space or write elsewhere",
                    folder, usable, needed));
        }
    }

    /**
     * Refuses a target that is one of the files that are read.
     *
     * @throws IllegalArgumentException naming both
     */
    public static void requireOther(Path target, List<Path> inputs) throws IOException {
        for (Path input : inputs) {
            for (Path written : List.of(target, partial(target), beside(partial(target), JOURNAL))) {
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

    /** Whether a run of another job had left something, which is thrown away. */
    public boolean startsAgain() {
        return journal.hasReplaced();
    }

    /** The file, for pieces that are written a stretch at a time and {@link #note noted} then. */
    public FileChannel channel() {
        return channel;
    }

    /** What the journal says of a piece, whatever has become of its bytes. */
    public Optional<Piece> noted(String name) {
        return journal.find(name);
    }

    /** What an earlier run has noted of a piece, if the bytes at its place are those that were noted. */
    public Optional<Piece> written(String name, long position, long bytes) throws IOException {
        Optional<Piece> piece = journal.find(name);
        return piece.isPresent() && piece.get().bytes() == bytes && Sha256.of(channel, position, bytes).equals(piece.get().sha256())
                ? piece
                : Optional.empty();
    }

    /** Notes that a piece is written. */
    public void note(String name, Piece piece) throws IOException {
        journal.add(name, piece);
    }

    /** Writes a piece and notes it. */
    public void write(String name, long position, MemorySegment bytes) throws IOException {
        MessageDigest digest = Sha256.digest();
        for (long from = 0; from < bytes.byteSize(); from += CHUNK) {
            ByteBuffer chunk = Output.view(bytes.asSlice(from, Math.min(CHUNK, bytes.byteSize() - from)));
            digest.update(chunk.duplicate());
            write(position + from, chunk);
        }
        note(name, new Piece(Sha256.text(digest), bytes.byteSize(), List.of()));
    }

    private void write(long position, ByteBuffer bytes) throws IOException {
        for (long at = position; bytes.hasRemaining();) {
            at += channel.write(bytes, at);
        }
    }

    /** Writes the head, cuts the file to {@code bytes} and gives it its name. */
    public void finish(byte[] head, long bytes) throws IOException {
        write(0, ByteBuffer.wrap(head));
        if (channel.size() < bytes) {
            channel.write(ByteBuffer.allocate(1), bytes - 1); // the padding of the last piece
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
            if (!finished && channel.isOpen() && channel.size() == 0 && journal.isEmpty()) {
                Files.deleteIfExists(partial); // nothing worth going on with
                journal.delete();
            }
        }
    }
}
