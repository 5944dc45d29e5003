package org.setun.formats;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32;

/**
 * Which pieces of a {@link PartialFile} are written: one line each, with a checksum, so that a line cut short by a kill counts for nothing. It
 * belongs to one job, named by a hash of all that decides the bytes; lines of another job are thrown away. Locked while it is open.
 */
final class PartialJournal implements AutoCloseable {

    private static final long MAX_SIZE = 64L << 20;

    private final Path path;
    private final FileChannel channel;
    private final Map<String, PartialFile.Piece> pieces = new HashMap<>();
    private boolean blank;
    private boolean created;
    private boolean replaced;

    private PartialJournal(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /**
     * Opens or creates a journal.
     *
     * @param kind of work and its version; the first word is that of all kinds
     * @param job  its hash
     * @throws IllegalStateException if another run has it open
     * @throws IOException if the path is a link or a file that no run has written, which stays as it is
     */
    static PartialJournal open(Path path, String kind, String job) throws IOException {
        FileChannel channel = PartialFile.open(path);
        try {
            PartialJournal journal = new PartialJournal(path, channel);
            if (lock(channel) == null) {
                throw new IllegalStateException(path + " is in use: another run is writing this file");
            }
            journal.read(kind + " " + job, kind.substring(0, kind.indexOf(' ') + 1));
            return journal;
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private static FileLock lock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            throw new IllegalStateException("another thread of this process is writing this file", e);
        }
    }

    private void read(String title, String start) throws IOException {
        blank = channel.size() == 0;
        String text = channel.size() > MAX_SIZE ? "" : text();
        if (!blank && !text.startsWith(start)) {
            throw PartialFile.foreign(path);
        }
        long end = 0;
        boolean first = true;
        for (int newline; (newline = text.indexOf('\n', (int) end)) >= 0; end = newline + 1) {
            String line = text.substring((int) end, newline);
            if (first ? !line.equals(title) : !take(line)) {
                break;
            }
            first = false;
        }
        replaced = first && !blank;
        channel.truncate(end);
        channel.position(end);
        if (first) {
            created = true;
            append(title + "\n");
        }
    }

    private String text() throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate((int) channel.size());
        while (bytes.hasRemaining() && channel.read(bytes, bytes.position()) >= 0) {
            // until all is read
        }
        return new String(bytes.array(), 0, bytes.position(), StandardCharsets.ISO_8859_1);
    }

    private boolean take(String line) {
        int tab = line.lastIndexOf('\t');
        if (tab < 0 || !checksum(line.substring(0, tab)).equals(line.substring(tab + 1))) {
            return false;
        }
        String[] parts = line.substring(0, tab).split("\t", -1);
        if (parts.length < 3) {
            return false;
        }
        try {
            pieces.put(parts[0], new PartialFile.Piece(parts[1], Long.parseLong(parts[2]), List.of(parts).subList(3, parts.length)));
            return true;
        } catch (NumberFormatException e) {
            return false;
        }
    }

    /** Whether no run of the same job has noted anything before. */
    boolean isNew() {
        return created;
    }

    /** Whether no run of any job has written here before. */
    boolean isFirst() {
        return blank;
    }

    /** Bytes of all pieces that are noted. */
    long bytes() {
        return pieces.values().stream().mapToLong(PartialFile.Piece::bytes).sum();
    }

    /** Whether lines of another job were thrown away. */
    boolean hasReplaced() {
        return replaced;
    }

    /** Whether nothing is noted. */
    boolean isEmpty() {
        return pieces.isEmpty();
    }

    /** What is noted of a piece. */
    Optional<PartialFile.Piece> find(String name) {
        return Optional.ofNullable(pieces.get(key(name)));
    }

    /** Notes that a piece is written. */
    void add(String name, PartialFile.Piece piece) throws IOException {
        for (String note : piece.notes()) {
            if (note.chars().anyMatch(c -> c < ' ' || c > '~')) {
                throw new IllegalArgumentException("note = '" + note + "' must be printable ASCII");
            }
        }
        String text = key(name) + "\t" + piece.sha256() + "\t" + piece.bytes();
        for (String note : piece.notes()) {
            text += "\t" + note;
        }
        append(text + "\t" + checksum(text) + "\n");
        pieces.put(key(name), piece);
    }

    /** A piece's name in the journal, which has no room for tabs and foreign letters. */
    private static String key(String name) {
        return Sha256.of(name).substring(0, 32);
    }

    private static String checksum(String text) {
        CRC32 crc = new CRC32();
        crc.update(text.getBytes(StandardCharsets.ISO_8859_1));
        return Long.toHexString(crc.getValue());
    }

    private void append(String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /** Removes the journal of a finished job. */
    void delete() throws IOException {
        Files.deleteIfExists(path);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
