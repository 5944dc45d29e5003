package org.setun.formats.llama2c;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.internal.MappedFile;

/**
 * A checkpoint of Karpathy's llama2.c: the headerless fp32 file, version 1 (fp32) or version 2 (int8 in groups with an fp32 scale each).
 * Tensors have GGUF names ({@code token_embd.weight}, {@code blk.0.attn_q.weight}, ...; {@code output.weight} only if untied) and are
 * row-major {@code [out][in]}; query and key rows are laid out for a rotary embedding on interleaved pairs. Usable by all threads until
 * closed.
 *
 * <p>
 * Formats: {@code export.py} of <a href="https://github.com/karpathy/llama2.c">llama2.c</a>.
 */
public final class Llama2cModel implements AutoCloseable {

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String name;
    private final MemorySegment data;
    private final Llama2cParser.Layout layout;
    private final @Nullable MappedFile mapping;

    private Llama2cModel(String name, MemorySegment data, @Nullable MappedFile mapping) {
        this.name = name;
        this.data = data.asReadOnly();
        this.mapping = mapping;
        this.layout = new Llama2cParser(data, name).parse();
    }

    /**
     * Maps and validates a file.
     *
     * @throws FormatException if its header and its size do not fit together
     * @throws IOException if it cannot be read
     */
    public static Llama2cModel open(Path path) throws IOException {
        return MappedFile.open(path, (mapping, data) -> new Llama2cModel(path.toString(), data, mapping));
    }

    /** As {@link #open}, for bytes already in memory; {@code name} stands in messages. */
    public static Llama2cModel of(MemorySegment data, String name) {
        return new Llama2cModel(name, data, null);
    }

    /** The shape. */
    public Llama2cConfig config() {
        return layout.config();
    }

    /** 0 for the headerless form, else 1 or 2. */
    public int version() {
        return layout.version();
    }

    /** Elements per int8 group; 0 if the file is fp32. */
    public int groupSize() {
        return layout.groupSize();
    }

    /** The names of all tensors in file order. */
    public Set<String> names() {
        return Collections.unmodifiableSet(layout.tensors().keySet());
    }

    /** The shape of a tensor, slowest dimension first. */
    public long[] shape(String tensor) {
        return info(tensor).shape().clone();
    }

    /**
     * The bytes of an fp32 tensor, read-only, without a copy; they may be unaligned.
     *
     * @throws FormatException if there is no such tensor or it is stored as int8
     */
    public MemorySegment segment(String tensor) {
        Llama2cParser.Tensor info = info(tensor);
        if (info.quantized()) {
            throw new FormatException(name, info.offset(), "tensor '" + tensor + "'", "is stored as int8", "read it with floats()");
        }
        return data.asSlice(info.offset(), info.elements() * Float.BYTES);
    }

    /**
     * The elements of a tensor, row-major; int8 ones times their group's scale.
     *
     * @throws FormatException if there is no such tensor
     */
    public float[] floats(String tensor) {
        Llama2cParser.Tensor info = info(tensor);
        float[] floats = new float[Math.toIntExact(info.elements())];
        if (!info.quantized()) {
            MemorySegment.copy(data, FLOAT, info.offset(), floats, 0, floats.length);
            return floats;
        }
        long scales = info.offset() + info.elements();
        for (int i = 0; i < floats.length; i++) {
            float scale = data.get(FLOAT, scales + (long) (i / groupSize()) * Float.BYTES);
            floats[i] = data.get(ValueLayout.JAVA_BYTE, info.offset() + i) * scale;
        }
        return floats;
    }

    private Llama2cParser.Tensor info(String tensor) {
        Llama2cParser.@Nullable Tensor info = layout.tensors().get(tensor);
        if (info == null) {
            throw new FormatException(name, FormatException.NO_OFFSET, "tensor '" + tensor + "'", "is missing", "");
        }
        return info;
    }

    @Override
    public void close() {
        if (mapping != null) {
            mapping.close();
        }
    }
}
