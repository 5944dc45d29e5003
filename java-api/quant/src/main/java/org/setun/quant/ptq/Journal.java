package org.setun.quant.ptq;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32;
import org.setun.formats.Sha256;

/**
 * Which tensors of an unfinished file are written: one line each, with a checksum, so that a line cut short by a kill counts for nothing.
 * It
 * belongs to one job, named by a hash of all that decides the bytes; lines of another job are thrown away. Locked while it is open.
 */
final class Journal implements AutoCloseable {

    private static final String TITLE = "setun quantize 1 ";
    private static final long MAX_SIZE = 64L << 20;

    /**
     * A line.
     *
     * @param format   the name of the format with all parameters
     * @param rotation what describes the rotation; empty for none
     */
    record Line(String format, String rotation, Integrity.Entry entry) {
    }

    private final Path path;
    private final FileChannel channel;
    private final Map<String, Line> lines = new HashMap<>();
    private boolean created;

    private Journal(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /**
     * Opens or creates a journal.
     *
     * @param job the job's hash
     * @throws IllegalStateException if another run has it open
     */
    static Journal open(Path path, String job) throws IOException {
        FileChannel channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try {
            Journal journal = new Journal(path, channel);
            if (lock(channel) == null) {
                throw new IllegalStateException(path + " is in use: another run is writing this file");
            }
            journal.read(job);
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

    private void read(String job) throws IOException {
        String text = channel.size() > MAX_SIZE ? "" : Files.readString(path, StandardCharsets.ISO_8859_1);
        long end = 0;
        boolean first = true;
        for (int newline; (newline = text.indexOf('\n', (int) end)) >= 0; end = newline + 1) {
            String line = text.substring((int) end, newline);
            if (first ? !line.equals(TITLE + job) : !take(line)) {
                break;
            }
            first = false;
        }
        channel.truncate(end);
        channel.position(end);
        if (first) {
            created = true;
            append(TITLE + job + "\n");
        }
    }

    private boolean take(String line) {
        int tab = line.lastIndexOf('\t');
        if (tab < 0 || !checksum(line.substring(0, tab)).equals(line.substring(tab + 1))) {
            return false;
        }
        String[] parts = line.substring(0, tab).split("\t", -1);
        if (parts.length != 5) {
            return false;
        }
        lines.put(parts[0], new Line(parts[3], parts[4],
                new Integrity.Entry(parts[1], Float.intBitsToFloat(Integer.parseUnsignedInt(parts[2], 16)))));
        return true;
    }

    /** Whether no run of the same job has noted anything before. */
    boolean isNew() {
        return created;
    }

    /** What is noted of a tensor. */
    Optional<Line> find(String tensor) {
        return Optional.ofNullable(lines.get(name(tensor)));
    }

    /** Notes that a tensor is written. */
    void add(String tensor, Line line) throws IOException {
        String text = String.join("\t", name(tensor), line.entry().sha256(),
                Integer.toHexString(Float.floatToRawIntBits(line.entry().relativeError())), line.format(), line.rotation());
        append(text + "\t" + checksum(text) + "\n");
        lines.put(name(tensor), line);
    }

    /** A tensor's name in the journal, which has no room for tabs and foreign letters. */
    private static String name(String tensor) {
        return Sha256.of(tensor).substring(0, 32);
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
