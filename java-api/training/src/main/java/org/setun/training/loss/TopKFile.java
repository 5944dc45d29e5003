package org.setun.training.loss;

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
import java.util.HexFormat;
import java.util.zip.CRC32C;
import org.setun.formats.AtomicFile;
import org.setun.formats.FormatException;
import org.setun.nn.Tensor;

/**
 * What a teacher holds likely at every position of a text, on disk, so that it need not run while a student learns: per position the k likeliest
 * next tokens, the natural logarithms of their probabilities, and the probability of all others together. Layout, little-endian: magic
 * {@code SETUNTOP}, u32 version 1, u32 k, i64 vocabulary, i64 positions, f32 temperature, u32 teacher's context, SHA-256 of the teacher's files,
 * SHA-256 of the text's ids, u32 CRC-32C of the rows, u32 CRC-32C of the 108 header bytes before it; then a row per position: k ids in
 * ascending order (u16 up to a vocabulary of 65,536, else u32), k f32 logarithms, f32 rest. {@link #open} checks the header and the rows'
 * checksum, {@link #read} every row it reads. Reading is free-threaded until {@link #close()}.
 */
public final class TopKFile implements AutoCloseable {

    /**
     * What a file must have been made from to be of use.
     *
     * @param k           tokens per position
     * @param vocabulary  tokens that there are
     * @param positions   of the text that have a next token
     * @param temperature of the probabilities
     * @param context     tokens that the teacher saw at most
     * @param teacher     SHA-256 of its files, in hexadecimal
     * @param text        SHA-256 of the ids, in hexadecimal
     */
    public record Origin(int k, long vocabulary, long positions, float temperature, int context, String teacher, String text) {

        public Origin {
            if (k < 1 || k > vocabulary || vocabulary > Integer.MAX_VALUE || positions < 0) {
                throw new IllegalArgumentException("k = " + k + " of a vocabulary of " + vocabulary + ", " + positions
                        + " positions: k must be in [1, vocabulary], positions not negative");
            }
        }

        int width() {
            return vocabulary <= 1 << 16 ? Short.BYTES : Integer.BYTES;
        }

        long rowBytes() {
            return (long) k * (width() + Float.BYTES) + Float.BYTES;
        }
    }

    /** Takes the rows of a file in the order of the positions. */
    public interface Sink {
        /** Appends a row: ids in ascending order, the logarithms of their probabilities, the rest. */
        void accept(int[] ids, float[] logs, float rest) throws IOException;
    }

    /** Produces the rows of a file. */
    @FunctionalInterface
    public interface Body {
        void write(Sink sink) throws IOException;
    }

    static final int HEADER_BYTES = 112;
    private static final byte[] MAGIC = {'S', 'E', 'T', 'U', 'N', 'T', 'O', 'P'};
    private static final int VERSION = 1;
    private static final int ROWS_CRC_AT = HEADER_BYTES - 8;
    private static final int HASH_BYTES = 32;
    private static final double MASS_TOLERANCE = 1e-3;
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path file;
    private final Arena arena;
    private final MemorySegment rows;
    private final Origin origin;

    private TopKFile(Path file, Arena arena, MemorySegment rows, Origin origin) {
        this.file = file;
        this.arena = arena;
        this.rows = rows;
        this.origin = origin;
    }

    /** Writes a file atomically; {@code body} gives exactly {@code origin.positions()} rows. */
    public static void write(Path file, Origin origin, Body body) throws IOException {
        AtomicFile.write(file, channel -> {
            ByteBuffer buffer = ByteBuffer.allocate(Math.toIntExact(origin.rowBytes())).order(ByteOrder.LITTLE_ENDIAN);
            CRC32C crc = new CRC32C();
            long[] count = {0};
            channel.position(HEADER_BYTES);
            body.write((ids, logs, rest) -> {
                buffer.clear();
                for (int id : ids) {
                    if (origin.width() == Short.BYTES) {
                        buffer.putShort((short) id);
                    } else {
                        buffer.putInt(id);
                    }
                }
                for (float log : logs) {
                    buffer.putFloat(log);
                }
                buffer.putFloat(rest).flip();
                crc.update(buffer.duplicate());
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                count[0]++;
            });
            if (count[0] != origin.positions()) {
                throw new IllegalStateException(count[0] + " rows, must be " + origin.positions());
            }
            ByteBuffer header = header(origin, (int) crc.getValue());
            for (long at = 0; header.hasRemaining(); at = header.position()) {
                channel.write(header, at);
            }
        });
    }

    private static ByteBuffer header(Origin origin, int rowsCrc) {
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        header.put(MAGIC).putInt(VERSION).putInt(origin.k()).putLong(origin.vocabulary()).putLong(origin.positions());
        header.putFloat(origin.temperature()).putInt(origin.context());
        header.put(HexFormat.of().parseHex(origin.teacher())).put(HexFormat.of().parseHex(origin.text())).putInt(rowsCrc);
        header.putInt(crc(header.array(), ROWS_CRC_AT + 4));
        return header.flip();
    }

    private static int crc(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }

    /**
     * Maps and checks a file.
     *
     * @throws FormatException if it is damaged, or was made from something else than {@code wanted}; the message says from what
     */
    public static TopKFile open(Path file, Origin wanted) throws IOException {
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size < HEADER_BYTES) {
                throw bad(file, 0, "header", size + " bytes, a file of teacher's probabilities has at least " + HEADER_BYTES);
            }
            MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
            int rowsCrc = check(file, all, wanted);
            TopKFile opened = new TopKFile(file, arena, all.asSlice(HEADER_BYTES), wanted);
            opened.checkRows(rowsCrc);
            return opened;
        } catch (IOException | RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    private static int check(Path file, MemorySegment all, Origin wanted) {
        byte[] bytes = all.asSlice(0, HEADER_BYTES).toArray(ValueLayout.JAVA_BYTE);
        ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        byte[] magic = new byte[MAGIC.length];
        header.get(magic);
        require(Arrays.equals(magic, MAGIC), file, 0, "magic", "not a file of a teacher's probabilities");
        int version = header.getInt();
        require(version == VERSION, file, 8, "version", version + ", this program reads version " + VERSION);
        require(header.getInt(ROWS_CRC_AT + 4) == crc(bytes, ROWS_CRC_AT + 4), file, ROWS_CRC_AT + 4L, "header checksum",
                "does not match the header");
        same(file, 12, "k", header.getInt(), wanted.k());
        same(file, 16, "vocabulary", header.getLong(), wanted.vocabulary());
        same(file, 24, "positions", header.getLong(), wanted.positions());
        same(file, 32, "temperature", header.getFloat(), wanted.temperature());
        same(file, 36, "context", header.getInt(), wanted.context());
        same(file, 40, "SHA-256 of the teacher", hash(header), wanted.teacher());
        same(file, 72, "SHA-256 of the text", hash(header), wanted.text());
        long payload = all.byteSize() - HEADER_BYTES;
        require(wanted.positions() <= payload / wanted.rowBytes() && wanted.positions() * wanted.rowBytes() == payload, file, 24,
                "positions", wanted.positions() + " rows of " + wanted.rowBytes() + " bytes, but " + payload
                        + " bytes follow the header");
        return header.getInt();
    }

    private static String hash(ByteBuffer header) {
        byte[] hash = new byte[HASH_BYTES];
        header.get(hash);
        return HexFormat.of().formatHex(hash);
    }

    private static void same(Path file, long offset, String field, Object found, Object wanted) {
        require(found.equals(wanted), file, offset, field,
                found + ", this run needs " + wanted);
    }

    private void checkRows(int expected) {
        CRC32C crc = new CRC32C();
        long chunk = 1 << 24;
        for (long at = 0; at < rows.byteSize(); at += chunk) {
            crc.update(rows.asSlice(at, Math.min(chunk, rows.byteSize() - at)).asByteBuffer());
        }
        require((int) crc.getValue() == expected, file, HEADER_BYTES, "checksum", "does not match the rows");
    }

    private static void require(boolean holds, Path file, long offset, String field, String problem) {
        if (!holds) {
            throw bad(file, offset, field, problem);
        }
    }

    private static FormatException bad(Path file, long offset, String field, String problem) {
        return new FormatException(file.toString(), offset, field, problem, "delete it; it is made anew with the teacher");
    }

    /** What the file was made from. */
    public Origin origin() {
        return origin;
    }

    /**
     * Copies the rows of {@code count} positions from {@code from} on to rows {@code to ...} of {@code ids} I32[n][k], {@code logs} F32[n][k] and
     * {@code rest} F32[n].
     *
     * @throws FormatException if a row is not what a teacher says: ids not ascending or out of range, no logarithms of probabilities, or a sum that
     *         is not 1
     */
    public void read(long from, int count, long to, Tensor ids, Tensor logs, Tensor rest) {
        if (from < 0 || count < 0 || from > origin.positions() - count) {
            throw new IndexOutOfBoundsException("positions [" + from + ", " + from + " + " + count + "), the file has "
                    + origin.positions());
        }
        for (int i = 0; i < count; i++) {
            row((from + i) * origin.rowBytes(), to + i, ids.segment(), logs.segment(), rest.segment());
        }
    }

    private void row(long at, long to, MemorySegment ids, MemorySegment logs, MemorySegment rest) {
        int k = origin.k();
        long logsAt = at + (long) k * origin.width();
        double mass = 0;
        int before = -1;
        for (int j = 0; j < k; j++) {
            long idAt = at + (long) j * origin.width();
            int id = origin.width() == Short.BYTES ? Short.toUnsignedInt(rows.get(U16, idAt)) : rows.get(U32, idAt);
            require(id > before && id < origin.vocabulary(), file, HEADER_BYTES + idAt, "token id",
                    id + ", must be above " + before + " and below " + origin.vocabulary());
            before = id;
            float log = rows.get(F32, logsAt + (long) j * Float.BYTES);
            require(log <= 0, file, HEADER_BYTES + logsAt + (long) j * Float.BYTES, "logarithm", log + ", must be at most 0");
            mass += Math.exp(log);
            ids.setAtIndex(ValueLayout.JAVA_INT, to * k + j, id);
            logs.setAtIndex(ValueLayout.JAVA_FLOAT, to * k + j, log);
        }
        long restAt = logsAt + (long) k * Float.BYTES;
        float left = rows.get(F32, restAt);
        require(left >= 0 && left <= 1, file, HEADER_BYTES + restAt, "rest", left + ", must be in [0, 1]");
        require(Math.abs(mass + left - 1) <= MASS_TOLERANCE, file, HEADER_BYTES + at, "row",
                "probabilities add up to " + (mass + left) + ", not to 1");
        rest.setAtIndex(ValueLayout.JAVA_FLOAT, to, left);
    }

    @Override
    public void close() {
        arena.close();
    }
}
