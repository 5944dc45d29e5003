package org.setun.formats.internal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.setun.formats.FormatException;

/** A little-endian read position in hostile bytes: every read is checked against a limit and names the field that it reads. */
public final class Cursor {

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment data;
    private final String file;
    private long position;
    private long limit;

    /** A cursor at the start of {@code data}, which is the whole of {@code file}. */
    public Cursor(MemorySegment data, String file) {
        this.data = data;
        this.file = file;
        this.limit = data.byteSize();
    }

    /** Bytes read so far. */
    public long position() {
        return position;
    }

    /** Bytes left up to the limit. */
    public long remaining() {
        return limit - position;
    }

    /** Lets no read pass {@code end} (nor the end of the file). */
    public void limit(long end) {
        limit = Math.min(end, data.byteSize());
    }

    /** The error of {@code field} at the current position. */
    public FormatException error(String field, String problem, String remedy) {
        return new FormatException(file, position, field, problem, remedy);
    }

    /** Moves past {@code bytes} and returns where they start. */
    public long skip(long bytes, String field) {
        if (bytes < 0 || bytes > remaining()) {
            throw error(field, "needs " + Long.toUnsignedString(bytes) + " bytes where " + remaining() + " are left",
                    "the file is truncated or damaged; fetch it again");
        }
        long start = position;
        position += bytes;
        return start;
    }

    /** The next byte, 0 to 255. */
    public int u8(String field) {
        return Byte.toUnsignedInt(data.get(ValueLayout.JAVA_BYTE, skip(1, field)));
    }

    /** The next two bytes, signed. */
    public short i16(String field) {
        return data.get(SHORT, skip(2, field));
    }

    /** The next four bytes, signed. */
    public int i32(String field) {
        return data.get(INT, skip(4, field));
    }

    /** The next four bytes, unsigned. */
    public long u32(String field) {
        return Integer.toUnsignedLong(i32(field));
    }

    /** The next eight bytes, signed. */
    public long i64(String field) {
        return data.get(LONG, skip(8, field));
    }

    /** The next four bytes as a float. */
    public float f32(String field) {
        return Float.intBitsToFloat(i32(field));
    }

    /** The next eight bytes as a double. */
    public double f64(String field) {
        return Double.longBitsToDouble(i64(field));
    }

    /** The next eight bytes as a count of things that take at least {@code bytesEach} bytes of the rest of the file. */
    public long count(String field, long bytesEach) {
        long count = i64(field);
        if (count < 0 || count > remaining() / bytesEach) {
            position -= 8;
            throw error(field, "says " + Long.toUnsignedString(count) + ", but the rest of the file has room for "
                    + (remaining() - 8) / bytesEach, "the file is truncated or damaged; fetch it again");
        }
        return count;
    }

    /** The next {@code length} bytes. */
    public byte[] bytes(int length, String field) {
        long start = skip(length, field);
        return data.asSlice(start, length).toArray(ValueLayout.JAVA_BYTE);
    }

    /** The next {@code length} bytes as strict UTF-8. */
    public String utf8(int length, String field) {
        if (length == 0) {
            return "";
        }
        long start = position;
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes(length, field))).toString();
        } catch (CharacterCodingException e) {
            throw new FormatException(file, start, field, "is not valid UTF-8", "", e);
        }
    }
}
