package org.setun.formats.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.setun.formats.AtomicFile;
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
     * Writes the file. The writer can be used again.
     *
     * @throws IOException if the device fails; an older file of this name is then untouched
     * @throws IllegalArgumentException if a tensor's supplier gives the wrong number of bytes; as before
     */
    public void write(Path path) throws IOException {
        List<Entry> entries = new ArrayList<>(tensors.values());
        entries.sort(Comparator.comparingInt((Entry entry) -> entry.type().bytes()).reversed());
        byte[] header = header(entries).getBytes(StandardCharsets.UTF_8);
        AtomicFile.write(path, channel -> {
            Output out = new Output(channel);
            out.i64(Math.ceilDiv(header.length, 8) * 8L);
            out.bytes(header);
            while (out.position() % 8 != 0) {
                out.u8(' ');
            }
            for (Entry entry : entries) {
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
