package org.setun.formats.safetensors;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.internal.MappedFile;

/**
 * A safetensors file, mapped read-only. The whole header is checked before {@link #open} returns: every tensor lies inside the file, none
 * overlap, no byte is left over. Usable by all threads; slices die with {@link #close()}. The file must not be truncated while it is open.
 *
 * <p>
 * Format: <a href="https://github.com/huggingface/safetensors#format">safetensors</a>.
 */
public final class SafetensorsFile implements AutoCloseable {

    private final String name;
    private final MemorySegment data;
    private final HeaderParser.Header header;
    private final @Nullable MappedFile mapping;

    private SafetensorsFile(String name, MemorySegment data, @Nullable MappedFile mapping) {
        this.name = name;
        this.data = data.asReadOnly();
        this.mapping = mapping;
        this.header = new HeaderParser(data, name).parse();
    }

    /**
     * Maps and validates a file.
     *
     * @throws FormatException if it is not a sound safetensors file
     * @throws IOException if it cannot be read
     */
    public static SafetensorsFile open(Path path) throws IOException {
        return MappedFile.open(path, (mapping, data) -> new SafetensorsFile(path.toString(), data, mapping));
    }

    /** As {@link #open}, for bytes already in memory; {@code name} stands in messages. */
    public static SafetensorsFile of(MemorySegment data, String name) {
        return new SafetensorsFile(name, data, null);
    }

    /** The file's name in messages. */
    public String name() {
        return name;
    }

    /** The free-form strings of {@code __metadata__}. */
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(header.metadata());
    }

    /** All tensors in header order. */
    public Collection<SafetensorsTensor> tensors() {
        return Collections.unmodifiableCollection(header.tensors().values());
    }

    /** The entry of a tensor; empty if there is none. */
    public Optional<SafetensorsTensor> find(String tensor) {
        return Optional.ofNullable(header.tensors().get(tensor));
    }

    /**
     * The entry of a tensor.
     *
     * @throws FormatException if there is none
     */
    public SafetensorsTensor info(String tensor) {
        return find(tensor).orElseThrow(() -> new FormatException(name, FormatException.NO_OFFSET, "tensor '" + tensor + "'", "is missing",
                "the file is of another model or incomplete"));
    }

    /** The raw bytes of a tensor, read-only, without a copy; they may be unaligned. */
    public MemorySegment tensor(String tensor) {
        SafetensorsTensor info = info(tensor);
        return data.asSlice(info.offset(), info.bytes());
    }

    /**
     * The elements of an F32, F16 or BF16 tensor as fp32.
     *
     * @throws FormatException if it has another type, or more elements than a Java array
     */
    public float[] floats(String tensor) {
        SafetensorsTensor info = info(tensor);
        GgmlType type = switch (info.type()) {
            case F32 -> GgmlType.F32;
            case F16 -> GgmlType.F16;
            case BF16 -> GgmlType.BF16;
            default -> throw notFloats(info);
        };
        if (info.elements() > Integer.MAX_VALUE - 8) {
            throw notFloats(info);
        }
        return info.elements() == 0 ? new float[0] : Dequantizer.floats(type, tensor(tensor), (int) info.elements());
    }

    private FormatException notFloats(SafetensorsTensor info) {
        return new FormatException(name, info.offset(), "tensor '" + info.name() + "'",
                info.elements() + " elements of type " + info.type() + " cannot become a float[]", "F32, F16 and BF16 can");
    }

    @Override
    public void close() {
        if (mapping != null) {
            mapping.close();
        }
    }
}
