package org.setun.formats.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.zip.CRC32C;
import org.setun.formats.AtomicFile;
import org.setun.formats.Crc32c;
import org.setun.formats.internal.Output;

/**
 * Collects tensors and writes them as one safetensors file, atomically ({@link AtomicFile}). The header is padded to a multiple of 8 bytes
 * and wider types come first, so that every tensor is aligned to its elements. Not thread-safe.
 */
public final class SafetensorsWriter {

    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final Map<String, Entry> tensors = new LinkedHashMap<>();

    private record Entry(String name, DType type, long[] shape, long bytes, Supplier<MemorySegment> data) {
    }

    /** Puts a string into {@code __metadata__}. */
    public SafetensorsWriter metadata(String key, String value) {
        metadata.put(key, value);
        return this;
    }

    /** Adds a tensor whose bytes are at hand; they must stay as they are until {@link #write}. */
    public SafetensorsWriter tensor(String name, DType type, long[] shape, MemorySegment data) {
        return tensor(name, type, shape, () -> data);
    }

    /**
     * Adds a tensor whose bytes are asked for when their turn comes in {@link #write}.
     *
     * @param name used once, not {@code __metadata__}
     * @param shape dimensions in row-major order; empty for a scalar, 0 allowed
     * @param data gives {@code product of shape * type.bytes()} bytes
     * @throws IllegalArgumentException if one of these does not hold
     */
    public SafetensorsWriter tensor(String name, DType type, long[] shape, Supplier<MemorySegment> data) {
        if (name.equals(HeaderParser.METADATA) || tensors.containsKey(name)) {
            throw new IllegalArgumentException("name = '" + name + "', allowed is each name once and not " + HeaderParser.METADATA);
        }
        long bytes = type.bytes();
        for (long dim : shape) {
            if (dim < 0) {
                throw new IllegalArgumentException("shape of '" + name + "' has the dimension " + dim + ", allowed is 0 and more");
            }
            bytes = Math.multiplyExact(bytes, dim);
        }
        tensors.put(name, new Entry(name, type, shape.clone(), bytes, data));
        return this;
    }

    /**
     * Adds a tensor whose bytes the caller writes, at its {@link #offsets} in a file that starts with {@link #head}.
     *
     * @throws IllegalArgumentException as {@link #tensor(String, DType, long[], Supplier)} does
     */
    public SafetensorsWriter declare(String name, DType type, long[] shape) {
        return tensor(name, type, shape, () -> {
            throw new IllegalStateException("the bytes of '" + name + "' are not for this writer to write");
        });
    }

    /** Everything before the data. */
    public byte[] head() {
        try {
            byte[] header = header(inOrder()).getBytes(StandardCharsets.UTF_8);
            int padded = Math.ceilDiv(header.length, 8) * 8;
            byte[] head = new byte[8 + padded];
            Arrays.fill(head, (byte) ' ');
            ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN).putLong(padded).put(header);
            return head;
        } catch (IOException e) {
            throw new AssertionError("memory takes every byte", e);
        }
    }

    /** Where each tensor starts, counted from the end of the {@link #head}, in the order of the file. */
    public Map<String, Long> offsets() {
        Map<String, Long> offsets = new LinkedHashMap<>();
        long offset = 0;
        for (Entry entry : inOrder()) {
            offsets.put(entry.name(), offset);
            offset = Math.addExact(offset, entry.bytes());
        }
        return offsets;
    }

    /** Bytes of all tensors: what follows the {@link #head}. */
    public long dataBytes() {
        return tensors.values().stream().mapToLong(Entry::bytes).reduce(0, Math::addExact);
    }

    /** Bytes of a tensor. */
    public long bytes(String tensor) {
        Entry entry = tensors.get(tensor);
        if (entry == null) {
            throw new IllegalArgumentException("tensor = '" + tensor + "' was not added");
        }
        return entry.bytes();
    }

    /** Wider types first. */
    private List<Entry> inOrder() {
        return tensors.values().stream().sorted(Comparator.comparingInt((Entry entry) -> entry.type().bytes()).reversed()).toList();
    }

    /**
     * Writes the file. The writer can be used again.
     *
     * @throws IOException if the device fails; an older file of this name is then untouched
     * @throws IllegalArgumentException if a tensor's supplier gives the wrong number of bytes; as before
     */
    public void write(Path path) throws IOException {
        AtomicFile.write(path, channel -> {
            Output out = new Output(channel);
            out.bytes(head());
            for (Entry entry : inOrder()) {
                MemorySegment data = entry.data().get();
                if (data.byteSize() != entry.bytes()) {
                    throw new IllegalArgumentException("data of '" + entry.name() + "' has " + data.byteSize()
                            + " bytes, its shape and type need " + entry.bytes());
                }
                out.segment(data);
            }
            out.flush();
        });
    }

    /**
     * CRC-32C of the file that {@link #write} makes, from the tensors' bytes: what a file must have if the device is to be trusted. Any thread, also
     * while another writes.
     */
    public String crc32c() {
        CRC32C sum = new CRC32C();
        sum.update(head());
        for (Entry entry : inOrder()) {
            Crc32c.update(sum, entry.data().get());
        }
        return Crc32c.text(sum);
    }

    private String header(List<Entry> entries) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                json.writeObjectFieldStart(HeaderParser.METADATA);
                for (Map.Entry<String, String> pair : metadata.entrySet()) {
                    json.writeStringField(pair.getKey(), pair.getValue());
                }
                json.writeEndObject();
            }
            long offset = 0;
            for (Entry entry : entries) {
                json.writeObjectFieldStart(entry.name());
                json.writeStringField("dtype", entry.type().name());
                json.writeFieldName("shape");
                json.writeArray(entry.shape(), 0, entry.shape().length);
                json.writeFieldName("data_offsets");
                json.writeArray(new long[]{offset, Math.addExact(offset, entry.bytes())}, 0, 2);
                json.writeEndObject();
                offset += entry.bytes();
            }
            json.writeEndObject();
        }
        return text.toString();
    }
}
