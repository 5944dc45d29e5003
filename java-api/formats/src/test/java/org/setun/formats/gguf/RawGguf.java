package org.setun.formats.gguf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Writes GGUF bytes field by field, with any lie that a test wants. */
public final class RawGguf {

    private final ByteBuffer out = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);

    /** The head of version 3 with these counts. */
    public RawGguf(long tensors, long pairs) {
        this(0x46554747, 3, tensors, pairs);
    }

    RawGguf(int magic, int version, long tensors, long pairs) {
        out.putInt(magic).putInt(version).putLong(tensors).putLong(pairs);
    }

    RawGguf string(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.putLong(bytes.length).put(bytes);
        return this;
    }

    RawGguf i8(int value) {
        out.put((byte) value);
        return this;
    }

    RawGguf i32(int value) {
        out.putInt(value);
        return this;
    }

    RawGguf i64(long value) {
        out.putLong(value);
        return this;
    }

    /** An entry of a tensor; {@code dims} fastest first. */
    public RawGguf tensor(String name, int type, long offset, long... dims) {
        string(name).i32(dims.length);
        for (long dim : dims) {
            i64(dim);
        }
        return i32(type).i64(offset);
    }

    /** Pads to 32 bytes and adds {@code data}. */
    public byte[] data(byte[] data) {
        byte[] bytes = data(data.length);
        System.arraycopy(data, 0, bytes, bytes.length - data.length, data.length);
        return bytes;
    }

    /** Pads to 32 bytes and adds {@code size} bytes of data. */
    byte[] data(int size) {
        byte[] bytes = new byte[Math.ceilDiv(out.position(), 32) * 32 + size];
        out.flip().get(bytes, 0, out.limit());
        return bytes;
    }
}
