package org.setun.training.data;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.setun.formats.AtomicFile;
import org.setun.formats.FormatException;
import org.setun.formats.Sha256;

/**
 * Token ids in a memory-mapped file. Layout, little-endian: magic {@code SETUNTOK}, u32 version 1, u32 bytes per id (2 up to a vocabulary of
 * 65,536, else 4), i64 vocabulary, i64 ids, i64 bytes of the UTF-8 text that the ids stand for, SHA-256 of the tokenizer, u32 CRC-32C of the
 * ids, u32 CRC-32C of the 76 header bytes before it, then the ids. {@link #open} checks all of it, each id included.
 *
 * <p>Reading is free-threaded until {@link #close()}.
 */
public final class TokenFile implements AutoCloseable {

    static final int HEADER_BYTES = 80;
    private static final byte[] MAGIC = {'S', 'E', 'T', 'U', 'N', 'T', 'O', 'K'};
    private static final int VERSION = 1;
    private static final int HASH_AT = 40;
    private static final int HASH_BYTES = 32;
    private static final int CRC_AT = HASH_AT + HASH_BYTES;
    private static final int CHUNK_IDS = 1 << 16;
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Arena arena;
    private final MemorySegment ids;
    private final int width;
    private final long count;
    private final long vocabulary;
    private final long textBytes;

    private TokenFile(Arena arena, MemorySegment ids, int width, long count, long vocabulary, long textBytes) {
        this.arena = arena;
        this.ids = ids;
        this.width = width;
        this.count = count;
        this.vocabulary = vocabulary;
        this.textBytes = textBytes;
    }

    /** Receives ids while a file is written. */
    public interface Sink {
        /** Appends ids, each in {@code [0, vocabulary)}, that stand for {@code textBytes} bytes of text. */
        void accept(int[] ids, long textBytes) throws IOException;
    }

    /** Produces the ids of a file. */
    @FunctionalInterface
    public interface Body {
        void write(Sink sink) throws IOException;
    }

    /** Writes a file atomically; {@code tokenizerHash} is the SHA-256 that {@link #open} must be given. */
    public static void write(Path file, long vocabulary, byte[] tokenizerHash, Body body) throws IOException {
        if (vocabulary < 1 || vocabulary > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("vocabulary: " + vocabulary + ", must be in [1, 2^31)");
        }
        requireHash(tokenizerHash);
        AtomicFile.write(file, channel -> {
            Writer writer = new Writer(channel, vocabulary);
            body.write(writer);
            writer.finish(tokenizerHash);
        });
    }

    private static void requireHash(byte[] hash) {
        if (hash.length != HASH_BYTES) {
            throw new IllegalArgumentException("tokenizer hash: " + hash.length + " bytes, must be the 32 of a SHA-256");
        }
    }

    private static final class Writer implements Sink {

        private final FileChannel channel;
        private final long vocabulary;
        private final int width;
        private final ByteBuffer buffer;
        private final CRC32C crc = new CRC32C();
        private long count;
        private long textBytes;

        Writer(FileChannel channel, long vocabulary) throws IOException {
            this.channel = channel;
            this.vocabulary = vocabulary;
            width = vocabulary <= 1 << 16 ? Short.BYTES : Integer.BYTES;
            buffer = ByteBuffer.allocateDirect(CHUNK_IDS * width).order(ByteOrder.LITTLE_ENDIAN);
            channel.position(HEADER_BYTES);
        }

        @Override
        public void accept(int[] ids, long bytes) throws IOException {
            for (int id : ids) {
                if (id < 0 || id >= vocabulary) {
                    throw new IllegalArgumentException("token id: " + id + ", must be in [0, " + vocabulary + ")");
                }
                if (!buffer.hasRemaining()) {
                    flush();
                }
                if (width == Short.BYTES) {
                    buffer.putShort((short) id);
                } else {
                    buffer.putInt(id);
                }
            }
            count += ids.length;
            textBytes += bytes;
        }

        private void flush() throws IOException {
            buffer.flip();
            crc.update(buffer.duplicate());
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
            buffer.clear();
        }

        void finish(byte[] hash) throws IOException {
            flush();
            ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            header.put(MAGIC).putInt(VERSION).putInt(width).putLong(vocabulary).putLong(count).putLong(textBytes).put(hash);
            header.putInt((int) crc.getValue());
            header.putInt(crc(header.array(), CRC_AT + 4));
            header.flip();
            for (long at = 0; header.hasRemaining(); at = header.position()) {
                channel.write(header, at);
            }
        }
    }

    private static int crc(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }

    /** Maps and checks a file that was written for the tokenizer with this SHA-256. */
    public static TokenFile open(Path file, byte[] tokenizerHash) throws IOException {
        requireHash(tokenizerHash);
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size < HEADER_BYTES) {
                throw bad(file, 0, "header", size + " bytes, a token file has at least " + HEADER_BYTES);
            }
            MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
            return check(file, arena, all, tokenizerHash);
        } catch (IOException | RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    private static TokenFile check(Path file, Arena arena, MemorySegment all, byte[] tokenizerHash) {
        byte[] bytes = all.asSlice(0, HEADER_BYTES).toArray(ValueLayout.JAVA_BYTE);
        ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        byte[] magic = new byte[MAGIC.length];
        header.get(magic);
        require(Arrays.equals(magic, MAGIC), file, 0, "magic", "not a token file");
        int version = header.getInt();
        require(version == VERSION, file, 8, "version", version + ", this program reads version " + VERSION);
        require(header.getInt(CRC_AT + 4) == crc(bytes, CRC_AT + 4), file, CRC_AT + 4L, "header checksum", "does not match the header");
        int width = header.getInt();
        long vocabulary = header.getLong();
        long count = header.getLong();
        long textBytes = header.getLong();
        require(vocabulary >= 1 && vocabulary <= Integer.MAX_VALUE, file, 16, "vocabulary", vocabulary + ", must be in [1, 2^31)");
        require(width == (vocabulary <= 1 << 16 ? Short.BYTES : Integer.BYTES), file, 12, "bytes per id",
                width + ", does not suit a vocabulary of " + vocabulary);
        require(textBytes >= 0, file, 32, "text bytes", textBytes + ", must not be negative");
        long payload = all.byteSize() - HEADER_BYTES;
        require(count >= 0 && count <= payload / width && count * width == payload, file, 24, "count",
                count + " ids of " + width + " bytes, but " + payload + " bytes follow the header");
        byte[] hash = new byte[HASH_BYTES];
        header.get(hash);
        require(Arrays.equals(hash, tokenizerHash), file, HASH_AT, "tokenizer", "the file was made with another tokenizer");
        TokenFile tokens = new TokenFile(arena, all.asSlice(HEADER_BYTES), width, count, vocabulary, textBytes);
        tokens.checkIds(file, header.getInt(CRC_AT));
        return tokens;
    }

    private void checkIds(Path file, int expected) {
        CRC32C crc = new CRC32C();
        long chunk = (long) CHUNK_IDS * width;
        for (long at = 0; at < ids.byteSize(); at += chunk) {
            crc.update(ids.asSlice(at, Math.min(chunk, ids.byteSize() - at)).asByteBuffer());
        }
        require((int) crc.getValue() == expected, file, HEADER_BYTES, "checksum", "does not match the ids");
        for (long i = 0; i < count; i++) {
            int id = id(i);
            require(id >= 0 && id < vocabulary, file, HEADER_BYTES + i * width, "token id", id + ", must be in [0, " + vocabulary + ")");
        }
    }

    private static void require(boolean holds, Path file, long offset, String field, String problem) {
        if (!holds) {
            throw bad(file, offset, field, problem);
        }
    }

    private static FormatException bad(Path file, long offset, String field, String problem) {
        return new FormatException(file.toString(), offset, field, problem, "delete it; it is made anew from the text");
    }

    private int id(long index) {
        return width == Short.BYTES
                ? Short.toUnsignedInt(ids.get(U16, index * Short.BYTES))
                : ids.get(U32, index * Integer.BYTES);
    }

    /** Copies {@code length} ids from position {@code from} to {@code target} i32 at index {@code to}. */
    public void copy(long from, long length, MemorySegment target, long to) {
        if (from < 0 || length < 0 || from > count - length) {
            throw new IndexOutOfBoundsException("ids [" + from + ", " + from + " + " + length + "), the file has " + count);
        }
        for (long i = 0; i < length; i++) {
            target.set(ValueLayout.JAVA_INT_UNALIGNED, (to + i) * Integer.BYTES, id(from + i));
        }
    }

    /** SHA-256 of the ids as they are stored, in hexadecimal: the identity of a text of one tokenizer. */
    public String sha256() {
        return Sha256.of(ids);
    }

    /** Number of ids. */
    public long count() {
        return count;
    }

    /** Every id is below this. */
    public long vocabulary() {
        return vocabulary;
    }

    /** Bytes of the UTF-8 text that the ids stand for. */
    public long textBytes() {
        return textBytes;
    }

    @Override
    public void close() {
        arena.close();
    }
}
