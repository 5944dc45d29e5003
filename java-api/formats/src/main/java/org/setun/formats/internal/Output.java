package org.setun.formats.internal;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;

/** Little-endian buffered writes to a channel. */
public final class Output {

    private static final long CHUNK = 1 << 20; // larger pieces halve the rate of a forced file on ext4

    private final WritableByteChannel channel;
    private final ByteBuffer buffer = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    private long written;

    /** Writes to {@code channel}, which the caller closes after {@link #flush()}. */
    public Output(WritableByteChannel channel) {
        this.channel = channel;
    }

    /** Bytes written so far, buffered ones included. */
    public long position() {
        return written + buffer.position();
    }

    /** Writes one byte. */
    public void u8(int value) throws IOException {
        room(1).put((byte) value);
    }

    /** Writes two bytes. */
    public void i16(int value) throws IOException {
        room(2).putShort((short) value);
    }

    /** Writes four bytes. */
    public void i32(int value) throws IOException {
        room(4).putInt(value);
    }

    /** Writes eight bytes. */
    public void i64(long value) throws IOException {
        room(8).putLong(value);
    }

    /** Writes all of {@code bytes}. */
    public void bytes(byte[] bytes) throws IOException {
        if (bytes.length <= buffer.capacity()) {
            room(bytes.length).put(bytes);
        } else {
            segment(MemorySegment.ofArray(bytes));
        }
    }

    /** Writes all of {@code data}. */
    public void segment(MemorySegment data) throws IOException {
        flush();
        for (long from = 0; from < data.byteSize(); from += CHUNK) {
            MemorySegment piece = data.asSlice(from, Math.min(CHUNK, data.byteSize() - from));
            drain(view(piece));
        }
    }

    /** Memory as a byte buffer: a copy where it is an array of anything but bytes, which buffers cannot see. */
    public static ByteBuffer view(MemorySegment piece) {
        boolean seen = piece.isNative() || piece.heapBase().orElse(null) instanceof byte[];
        return seen ? piece.asByteBuffer() : ByteBuffer.wrap(piece.toArray(ValueLayout.JAVA_BYTE));
    }

    /** Writes zeros up to the next multiple of {@code alignment}. */
    public void align(long alignment) throws IOException {
        while (position() % alignment != 0) {
            u8(0);
        }
    }

    /** Hands everything buffered to the channel. */
    public void flush() throws IOException {
        buffer.flip();
        drain(buffer);
        buffer.clear();
    }

    private ByteBuffer room(int bytes) throws IOException {
        if (buffer.remaining() < bytes) {
            flush();
        }
        return buffer;
    }

    private void drain(ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            written += channel.write(bytes);
        }
    }
}
