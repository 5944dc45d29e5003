package org.setun.formats.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.setun.formats.AtomicFile;
import org.setun.formats.internal.Output;

/**
 * Collects metadata and tensors and writes them as GGUF version 3, aligned to 32 bytes, atomically ({@link AtomicFile}). Keys and tensors
 * keep the order in which they were put; putting a key again replaces its value. Not thread-safe.
 *
 * <pre>{@code
 * new GgufWriter("bitnet")
 *         .uint32("bitnet.block_count", 4)
 *         .tensor("output_norm.weight", GgmlType.F32, new long[] {256}, segment)
 *         .write(path);
 * }</pre>
 */
public final class GgufWriter {

    /** Longest tensor name in bytes that ggml reads. */
    private static final int MAX_TENSOR_NAME = 63;

    private final Map<String, Value> metadata = new LinkedHashMap<>();
    private final Map<String, Entry> tensors = new LinkedHashMap<>();

    private record Value(GgufValueType type, Body body) {
    }

    private record Entry(GgmlType type, long[] shape, long bytes, Supplier<MemorySegment> data) {
    }

    @FunctionalInterface
    private interface Body {
        void write(Output out) throws IOException;
    }

    /** A file that is no model, such as an importance matrix: without {@code general.architecture}. */
    public GgufWriter() {
    }

    /** A file of the given {@code general.architecture}. */
    public GgufWriter(String architecture) {
        string("general.architecture", architecture);
    }

    /** Puts a string. */
    public GgufWriter string(String key, String value) {
        return put(key, GgufValueType.STRING, out -> string(out, value));
    }

    /** Puts an unsigned 32-bit integer, the usual type of sizes and token ids. */
    public GgufWriter uint32(String key, long value) {
        if (value < 0 || value > 0xFFFF_FFFFL) {
            throw new IllegalArgumentException("value = " + value + " of '" + key + "', allowed is 0 to " + 0xFFFF_FFFFL);
        }
        return put(key, GgufValueType.UINT32, out -> out.i32((int) value));
    }

    /** Puts a signed 32-bit integer. */
    public GgufWriter int32(String key, int value) {
        return put(key, GgufValueType.INT32, out -> out.i32(value));
    }

    /** Puts a signed 64-bit integer. */
    public GgufWriter int64(String key, long value) {
        return put(key, GgufValueType.INT64, out -> out.i64(value));
    }

    /** Puts a 32-bit float. */
    public GgufWriter float32(String key, float value) {
        return put(key, GgufValueType.FLOAT32, out -> out.i32(Float.floatToRawIntBits(value)));
    }

    /** Puts a boolean. */
    public GgufWriter bool(String key, boolean value) {
        return put(key, GgufValueType.BOOL, out -> out.u8(value ? 1 : 0));
    }

    /** Puts an array of strings. */
    public GgufWriter strings(String key, List<String> values) {
        List<String> copy = List.copyOf(values);
        return array(key, GgufValueType.STRING, copy.size(), out -> {
            for (String value : copy) {
                string(out, value);
            }
        });
    }

    /** Puts an array of signed 32-bit integers. */
    public GgufWriter int32s(String key, int[] values) {
        int[] copy = values.clone();
        return array(key, GgufValueType.INT32, copy.length, out -> {
            for (int value : copy) {
                out.i32(value);
            }
        });
    }

    /** Puts an array of signed 64-bit integers. */
    public GgufWriter int64s(String key, long[] values) {
        long[] copy = values.clone();
        return array(key, GgufValueType.INT64, copy.length, out -> {
            for (long value : copy) {
                out.i64(value);
            }
        });
    }

    /** Puts an array of 32-bit floats. */
    public GgufWriter float32s(String key, float[] values) {
        float[] copy = values.clone();
        return array(key, GgufValueType.FLOAT32, copy.length, out -> {
            for (float value : copy) {
                out.i32(Float.floatToRawIntBits(value));
            }
        });
    }

    /**
     * Puts the value that {@code source} has for {@code key}, byte for byte. The source must be open while this writer writes.
     *
     * @throws org.setun.formats.FormatException if the source has no such key
     */
    public GgufWriter copy(GgufFile source, String key) {
        GgufParser.Pair pair = source.pair(key);
        return put(key, pair.type(), out -> out.segment(source.value(pair)));
    }

    /** Adds a tensor whose bytes are at hand; they must stay as they are until {@link #write}. */
    public GgufWriter tensor(String name, GgmlType type, long[] shape, MemorySegment data) {
        return tensor(name, type, shape, () -> data);
    }

    /**
     * Adds a tensor whose bytes are asked for when their turn comes in {@link #write}, so that only one tensor need be in memory.
     *
     * @param name at most 63 bytes of UTF-8, used once
     * @param shape 1 to 4 dimensions in row-major order, slowest first; the last must be a multiple of the type's block
     * @param data gives {@code type.bytes(product of shape)} bytes
     * @throws IllegalArgumentException if one of these does not hold
     */
    public GgufWriter tensor(String name, GgmlType type, long[] shape, Supplier<MemorySegment> data) {
        int length = name.getBytes(StandardCharsets.UTF_8).length;
        if (length < 1 || length > MAX_TENSOR_NAME || tensors.containsKey(name)) {
            throw new IllegalArgumentException("name = '" + name + "' has " + length + " bytes, allowed is 1 to " + MAX_TENSOR_NAME
                    + " and each name once");
        }
        if (shape.length < 1 || shape.length > GgufParser.MAX_DIMS) {
            throw new IllegalArgumentException("shape of '" + name + "' has " + shape.length + " dimensions, allowed is 1 to "
                    + GgufParser.MAX_DIMS);
        }
        long elements = 1;
        for (long dim : shape) {
            if (dim <= 0) {
                throw new IllegalArgumentException("shape of '" + name + "' has the dimension " + dim + ", allowed is 1 and more");
            }
            elements = Math.multiplyExact(elements, dim);
        }
        if (shape[shape.length - 1] % type.blockSize() != 0) {
            throw new IllegalArgumentException("rows of '" + name + "' have " + shape[shape.length - 1] + " elements, but " + type
                    + " needs a multiple of " + type.blockSize());
        }
        tensors.put(name, new Entry(type, shape.clone(), type.bytes(elements), data));
        return this;
    }

    /**
     * Adds a tensor whose bytes the caller writes, at {@link #offset} of a file that starts with {@link #head}.
     *
     * @throws IllegalArgumentException as {@link #tensor(String, GgmlType, long[], Supplier)} does
     */
    public GgufWriter declare(String name, GgmlType type, long[] shape) {
        return tensor(name, type, shape, () -> {
            throw new IllegalStateException("the bytes of '" + name + "' are not for this writer to write");
        });
    }

    /** Everything before the data, padded to the alignment. */
    public byte[] head() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            Output out = new Output(Channels.newChannel(bytes));
            head(out);
            out.align(GgufParser.DEFAULT_ALIGNMENT);
            out.flush();
        } catch (IOException e) {
            throw new AssertionError("memory takes every byte", e);
        }
        return bytes.toByteArray();
    }

    /** Bytes of a tensor. */
    public long bytes(String tensor) {
        return entry(tensor).bytes();
    }

    /** Where a tensor starts, counted from the end of the {@link #head}. */
    public long offset(String tensor) {
        long offset = 0;
        for (Map.Entry<String, Entry> each : tensors.entrySet()) {
            if (each.getKey().equals(tensor)) {
                return offset;
            }
            offset += padded(each.getValue().bytes());
        }
        throw new IllegalArgumentException("tensor = '" + tensor + "' was not added");
    }

    /** Bytes of all tensors with the padding after each: what follows the {@link #head}. */
    public long dataBytes() {
        return tensors.values().stream().mapToLong(tensor -> padded(tensor.bytes())).reduce(0, Math::addExact);
    }

    private Entry entry(String tensor) {
        Entry entry = tensors.get(tensor);
        if (entry == null) {
            throw new IllegalArgumentException("tensor = '" + tensor + "' was not added");
        }
        return entry;
    }

    private static long padded(long bytes) {
        return Math.ceilDiv(bytes, GgufParser.DEFAULT_ALIGNMENT) * GgufParser.DEFAULT_ALIGNMENT;
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
            head(out);
            for (Map.Entry<String, Entry> tensor : tensors.entrySet()) {
                out.align(GgufParser.DEFAULT_ALIGNMENT);
                MemorySegment data = tensor.getValue().data().get();
                if (data.byteSize() != tensor.getValue().bytes()) {
                    throw new IllegalArgumentException("data of '" + tensor.getKey() + "' has " + data.byteSize()
                            + " bytes, its shape and type need " + tensor.getValue().bytes());
                }
                out.segment(data);
            }
            out.align(GgufParser.DEFAULT_ALIGNMENT);
            out.flush();
        });
    }

    private void head(Output out) throws IOException {
        out.i32(GgufParser.MAGIC);
        out.i32(3);
        out.i64(tensors.size());
        out.i64(metadata.size());
        for (Map.Entry<String, Value> pair : metadata.entrySet()) {
            string(out, pair.getKey());
            out.i32(pair.getValue().type().ordinal());
            pair.getValue().body().write(out);
        }
        long offset = 0;
        for (Map.Entry<String, Entry> tensor : tensors.entrySet()) {
            string(out, tensor.getKey());
            long[] shape = tensor.getValue().shape();
            out.i32(shape.length);
            for (int i = shape.length - 1; i >= 0; i--) {
                out.i64(shape[i]);
            }
            out.i32(tensor.getValue().type().id());
            out.i64(offset);
            offset += padded(tensor.getValue().bytes());
        }
    }

    private GgufWriter array(String key, GgufValueType type, int length, Body body) {
        return put(key, GgufValueType.ARRAY, out -> {
            out.i32(type.ordinal());
            out.i64(length);
            body.write(out);
        });
    }

    private GgufWriter put(String key, GgufValueType type, Body body) {
        if (key.isEmpty() || key.equals(GgufParser.ALIGNMENT_KEY)) {
            throw new IllegalArgumentException("key = '" + key + "', allowed is any but the empty one and " + GgufParser.ALIGNMENT_KEY);
        }
        metadata.put(key, new Value(type, body));
        return this;
    }

    private static void string(Output out, String value) throws IOException {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        out.i64(bytes.length);
        out.bytes(bytes);
    }
}
