package org.setun.formats.gguf;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Collection;
import java.util.Collections;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.Sha256;
import org.setun.formats.internal.MappedFile;

/**
 * A GGUF file of version 2 or 3, little-endian, mapped read-only. Everything in its head is checked before {@link #open} returns, so that
 * every tensor slice lies inside the file. Usable by all threads; slices die with {@link #close()}. The file must not be truncated while
 * it is open.
 *
 * <p>
 * Format: <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">gguf.md</a>.
 */
public final class GgufFile implements AutoCloseable {

    private final String name;
    private final MemorySegment data;
    private final GgufParser.Head head;
    private final @Nullable MappedFile mapping;

    private GgufFile(String name, MemorySegment data, @Nullable MappedFile mapping) {
        this.name = name;
        this.data = data.asReadOnly();
        this.mapping = mapping;
        this.head = new GgufParser(data, name).parse();
    }

    /**
     * Maps and validates a file.
     *
     * @throws FormatException if it is not a sound GGUF file
     * @throws IOException if it cannot be read
     */
    public static GgufFile open(Path path) throws IOException {
        return MappedFile.open(path, (mapping, data) -> new GgufFile(path.toString(), data, mapping));
    }

    /** As {@link #open}, for bytes already in memory; {@code name} stands in messages. */
    public static GgufFile of(MemorySegment data, String name) {
        return new GgufFile(name, data, null);
    }

    /** The file's name in messages. */
    public String name() {
        return name;
    }

    /** 2 or 3. */
    public int version() {
        return head.version();
    }

    /** The key/value pairs. */
    public GgufMetadata metadata() {
        return head.metadata();
    }

    /** All tensors in file order. */
    public Collection<GgufTensor> tensors() {
        return Collections.unmodifiableCollection(head.tensors().values());
    }

    /** The entry of a tensor; empty if there is none. */
    public Optional<GgufTensor> find(String tensor) {
        return Optional.ofNullable(head.tensors().get(tensor));
    }

    /**
     * The entry of a tensor.
     *
     * @throws FormatException if there is none
     */
    public GgufTensor info(String tensor) {
        return find(tensor).orElseThrow(() -> new FormatException(name, FormatException.NO_OFFSET, "tensor '" + tensor + "'", "is missing",
                "the file is of another architecture or incomplete"));
    }

    /** The raw bytes of a tensor, read-only, without a copy. */
    public MemorySegment tensor(String tensor) {
        GgufTensor info = info(tensor);
        return data.asSlice(info.offset(), info.bytes());
    }

    /**
     * The elements of a tensor as fp32, row-major, exactly as ggml dequantizes them.
     *
     * @throws FormatException if the type cannot be dequantized, or the tensor has more elements than a Java array
     */
    public float[] floats(String tensor) {
        GgufTensor info = info(tensor);
        if (!Dequantizer.supports(info.type()) || info.elements() > Integer.MAX_VALUE - 8) {
            throw new FormatException(name, info.offset(), "tensor '" + tensor + "'", info.elements() + " elements of type " + info.type()
                    + " cannot become a float[]", "types " + Dequantizer.supported() + " can");
        }
        return Dequantizer.floats(info.type(), tensor(tensor), (int) info.elements());
    }

    /**
     * SHA-256 of everything before the data, padding included, taken with zeros ({@code '0'}) for the text of the string {@code key}: so that
     * key can hold the hash of the head that it stands in.
     *
     * @throws FormatException if there is no such key, or it is no string
     */
    public String headHash(String key) {
        metadata().string(key);
        GgufParser.Pair pair = pair(key);
        long text = pair.from() + Long.BYTES; // behind its length
        MessageDigest digest = Sha256.digest();
        Sha256.update(digest, data.asSlice(0, text));
        for (long i = text; i < pair.to(); i++) {
            digest.update((byte) '0');
        }
        Sha256.update(digest, data.asSlice(pair.to(), Math.min(head.dataStart(), data.byteSize()) - pair.to()));
        return Sha256.text(digest);
    }

    /** Where the value of {@code key} lies, its type aside. */
    GgufParser.Pair pair(String key) {
        GgufParser.Pair pair = head.pairs().get(key);
        if (pair == null) {
            throw metadata().error(key, "is missing");
        }
        return pair;
    }

    /** The bytes of a value. */
    MemorySegment value(GgufParser.Pair pair) {
        return data.asSlice(pair.from(), pair.to() - pair.from());
    }

    @Override
    public void close() {
        if (mapping != null) {
            mapping.close();
        }
    }
}
