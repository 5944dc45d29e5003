package org.setun.formats.gguf;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.setun.formats.FormatException;
import org.setun.formats.internal.Cursor;

/** Reads and validates the head of a GGUF file. One use per file. */
final class GgufParser {

    static final int MAGIC = 0x46554747; // "GGUF", little-endian
    static final int DEFAULT_ALIGNMENT = 32;
    static final int MAX_DIMS = 4;
    static final String ALIGNMENT_KEY = "general.alignment";

    private static final long MAX_METADATA = 100L << 20;
    /** Far above any model's; a file of a few megabytes could otherwise ask for gigabytes of heap. */
    private static final int MAX_ENTRIES = 10_000;
    private static final int MAX_NAME = 65535;
    private static final long MAX_ALIGNMENT = 1 << 30;
    /** Architectures of the fork that gives number 36 to I2_S; everywhere else that number is retired. */
    private static final Set<String> I2_S_ARCHITECTURES = Set.of("bitnet-b1.58", "bitnet-25");

    private final Cursor in;
    private final String file;
    private final long size;
    private final Map<String, Object> metadata = new LinkedHashMap<>();
    private final Map<String, Pair> pairs = new LinkedHashMap<>();

    GgufParser(MemorySegment data, String file) {
        this.in = new Cursor(data, file);
        this.file = file;
        this.size = data.byteSize();
    }

    record Head(int version, GgufMetadata metadata, Map<String, Pair> pairs, Map<String, GgufTensor> tensors, long dataStart) {
    }

    /** Where a value lies in the file. */
    record Pair(GgufValueType type, long from, long to) {
    }

    Head parse() {
        int version = version();
        long tensorCount = entries("tensor count", 33); // length, one letter, dimension count, one dimension, type, offset
        long pairCount = entries("metadata count", 14); // length, one letter, type, one byte
        in.limit(in.position() + MAX_METADATA);
        for (long i = 0; i < pairCount; i++) {
            pair();
        }
        in.limit(size);
        long alignment = alignment();
        Map<String, GgufTensor> relative = LinkedHashMap.newLinkedHashMap((int) tensorCount);
        for (long i = 0; i < tensorCount; i++) {
            GgufTensor tensor = tensor(alignment);
            if (relative.putIfAbsent(tensor.name(), tensor) != null) {
                throw tensorError(tensor.name(), "appears twice", "");
            }
        }
        long dataStart = Math.ceilDiv(in.position(), alignment) * alignment;
        Map<String, GgufTensor> tensors = place(relative, dataStart);
        return new Head(version, new GgufMetadata(file, metadata), pairs, tensors, dataStart);
    }

    private long entries(String field, int leastBytes) {
        long count = in.count(field, leastBytes);
        if (count > MAX_ENTRIES) {
            throw in.error(field, "is " + count + ", at most " + MAX_ENTRIES + " are read", "");
        }
        return count;
    }

    private int version() {
        if (in.remaining() < 24) {
            throw in.error("header", "the file has " + size + " bytes, a GGUF header has 24", "fetch the file again");
        }
        int magic = in.i32("magic");
        if (magic != MAGIC) {
            throw new FormatException(file, 0, "magic", String.format("is 0x%08x, not GGUF", magic), "this is not a GGUF file");
        }
        int version = in.i32("version");
        if (version == Integer.reverseBytes(2) || version == Integer.reverseBytes(3)) {
            throw new FormatException(file, 4, "version", "the file is big-endian", "convert it to little-endian");
        }
        if (version != 2 && version != 3) {
            throw new FormatException(file, 4, "version", "is " + Integer.toUnsignedString(version) + ", versions 2 and 3 are read", "");
        }
        return version;
    }

    private void pair() {
        String key = string("metadata key", 1, MAX_NAME);
        String field = "metadata key '" + key + "'";
        GgufValueType type = valueType(field);
        long from = in.position();
        Object value = type == GgufValueType.ARRAY ? array(field) : scalar(type, field);
        if (metadata.putIfAbsent(key, value) != null) {
            throw in.error(field, "appears twice", "");
        }
        pairs.put(key, new Pair(type, from, in.position()));
    }

    private GgufValueType valueType(String field) {
        long id = in.u32(field);
        return GgufValueType.of(id).orElseThrow(() -> in.error(field, "has the unknown value type " + id, ""));
    }

    private Object scalar(GgufValueType type, String field) {
        return switch (type) {
            case FLOAT32 -> (double) in.f32(field);
            case FLOAT64 -> in.f64(field);
            case BOOL -> bool(field);
            case STRING -> string(field, 0, Integer.MAX_VALUE);
            default -> integer(type, field);
        };
    }

    private long integer(GgufValueType type, String field) {
        return switch (type) {
            case UINT8 -> in.u8(field);
            case INT8 -> (byte) in.u8(field);
            case UINT16 -> Short.toUnsignedLong(in.i16(field));
            case INT16 -> in.i16(field);
            case UINT32 -> in.u32(field);
            case INT32 -> in.i32(field);
            case INT64 -> in.i64(field);
            case UINT64 -> {
                long value = in.i64(field);
                if (value < 0) {
                    throw in.error(field, "is " + Long.toUnsignedString(value) + ", at most " + Long.MAX_VALUE + " can be read", "");
                }
                yield value;
            }
            default -> throw new IllegalArgumentException("type = " + type + " is not an integer");
        };
    }

    private boolean bool(String field) {
        int value = in.u8(field);
        if (value > 1) {
            throw in.error(field, "is a boolean of value " + value + ", allowed is 0 or 1", "");
        }
        return value == 1;
    }

    private Object array(String field) {
        GgufValueType type = valueType(field);
        if (type == GgufValueType.ARRAY) {
            throw in.error(field, "is an array of arrays, which are not supported", "");
        }
        int length = Math.toIntExact(in.count(field + " length", type.leastBytes())); // the limit of the metadata keeps it small
        return switch (type) {
            case STRING -> {
                String[] strings = new String[length];
                for (int i = 0; i < length; i++) {
                    strings[i] = string(field, 0, Integer.MAX_VALUE);
                }
                yield List.of(strings);
            }
            case FLOAT32 -> {
                float[] floats = new float[length];
                for (int i = 0; i < length; i++) {
                    floats[i] = in.f32(field);
                }
                yield floats;
            }
            case FLOAT64 -> {
                double[] doubles = new double[length];
                Arrays.setAll(doubles, _ -> in.f64(field));
                yield doubles;
            }
            case BOOL -> {
                boolean[] flags = new boolean[length];
                for (int i = 0; i < length; i++) {
                    flags[i] = bool(field);
                }
                yield flags;
            }
            default -> {
                long[] integers = new long[length];
                Arrays.setAll(integers, _ -> integer(type, field));
                yield integers;
            }
        };
    }

    private String string(String field, int least, int most) {
        long length = in.count(field + " length", 1);
        if (length < least || length > most) {
            throw in.error(field, "has a length of " + length + ", allowed is " + least + " to " + most, "");
        }
        return in.utf8((int) length, field);
    }

    private long alignment() {
        Object value = metadata.getOrDefault(ALIGNMENT_KEY, (long) DEFAULT_ALIGNMENT);
        if (!(value instanceof Long alignment) || Long.bitCount(alignment) != 1 || alignment < 1 || alignment > MAX_ALIGNMENT) {
            throw in.error("metadata key '" + ALIGNMENT_KEY + "'", "is " + value + ", a power of two is allowed", "");
        }
        return alignment;
    }

    /** Reads one tensor entry; its offset still counts from the start of the data. */
    private GgufTensor tensor(long alignment) {
        String name = string("tensor name", 1, MAX_NAME);
        long dimCount = in.u32("tensor '" + name + "'");
        if (dimCount < 1 || dimCount > MAX_DIMS) {
            throw tensorError(name, "has " + dimCount + " dimensions, allowed is 1 to " + MAX_DIMS, "");
        }
        List<Long> dims = new ArrayList<>();
        long elements = 1;
        for (int i = 0; i < dimCount; i++) {
            long dim = in.i64("tensor '" + name + "'");
            if (dim <= 0 || Math.multiplyHigh(elements, dim) != 0 || elements * dim < 0) {
                throw tensorError(name, "dimension " + i + " is " + Long.toUnsignedString(dim) + " after " + dims
                        + ", allowed is 1 up to a product of 2^63 - 1", "");
            }
            dims.add(dim);
            elements *= dim;
        }
        GgmlType type = type(name);
        if (dims.getFirst() % type.blockSize() != 0) {
            throw tensorError(name, "rows of " + dims.getFirst() + " elements do not divide into blocks of " + type.blockSize()
                    + ", which " + type + " has", "");
        }
        if (elements / type.blockSize() > size / type.blockBytes()) {
            throw tensorError(name, dims + " of " + type + " is more than the whole file of " + size + " bytes",
                    "the file is truncated or damaged; fetch it again");
        }
        long offset = in.i64("tensor '" + name + "'");
        if (offset < 0 || offset % alignment != 0) {
            throw tensorError(name, "offset " + Long.toUnsignedString(offset) + " is not a multiple of the alignment " + alignment, "");
        }
        return new GgufTensor(name, type, dims, offset, type.bytes(elements));
    }

    private GgmlType type(String name) {
        long id = in.u32("tensor '" + name + "'");
        GgmlType type = GgmlType.of(id)
                .orElseThrow(() -> tensorError(name, "has the unknown or retired type " + id, "a newer program may know it"));
        Object architecture = metadata.getOrDefault("general.architecture", "");
        if (type == GgmlType.I2_S && !(architecture instanceof String known && I2_S_ARCHITECTURES.contains(known))) {
            throw tensorError(name, "has type 36, which means I2_S only in the architectures " + I2_S_ARCHITECTURES
                    + " and is retired in '" + architecture + "'", "");
        }
        return type;
    }

    /** Checks that the tensors lie in the file without overlap, and counts their offsets from the start of the file. */
    private Map<String, GgufTensor> place(Map<String, GgufTensor> relative, long dataStart) {
        long available = Math.max(size - dataStart, 0);
        long end = 0;
        String previous = "";
        List<GgufTensor> byOffset = relative.values().stream().sorted(Comparator.comparingLong(GgufTensor::offset)).toList();
        for (GgufTensor tensor : byOffset) {
            if (tensor.offset() > available || tensor.bytes() > available - tensor.offset()) {
                throw tensorError(tensor.name(), "its " + tensor.bytes() + " bytes from " + tensor.offset() + " of the data end beyond the "
                        + available + " bytes that the file has", "the file is truncated or damaged; fetch it again");
            }
            if (tensor.offset() < end) {
                throw tensorError(tensor.name(), "overlaps tensor '" + previous + "'", "the file is damaged");
            }
            end = tensor.offset() + tensor.bytes();
            previous = tensor.name();
        }
        Map<String, GgufTensor> placed = LinkedHashMap.newLinkedHashMap(relative.size());
        relative.forEach((name, t) -> placed.put(name, new GgufTensor(name, t.type(), t.dims(), dataStart + t.offset(), t.bytes())));
        return placed;
    }

    private FormatException tensorError(String name, String problem, String remedy) {
        return in.error("tensor '" + name + "'", problem, remedy);
    }
}
