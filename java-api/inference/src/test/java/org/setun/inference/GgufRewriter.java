package org.setun.inference;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.gguf.GgufWriter;

/** Writes a GGUF file anew under another architecture, with other metadata, without or with other tensors. */
final class GgufRewriter {

    /** Puts a tensor into the new file. */
    @FunctionalInterface
    interface TensorWriter {
        void put(GgufWriter writer, GgufTensor info, MemorySegment data);
    }

    private GgufRewriter() {
    }

    /** Tensors as they are. */
    static void copy(GgufWriter writer, GgufTensor info, MemorySegment data) {
        writer.tensor(info.name(), info.type(), info.shape(), data);
    }

    /**
     * Writes {@code target}.
     *
     * @param changes Integer, Float or String values by key without the architecture, such as {@code attention.head_count}; an empty string
     *        removes the key
     */
    static void write(Path source, Path target, String architecture, Map<String, Object> changes, TensorWriter tensors) throws IOException {
        try (GgufFile file = GgufFile.open(source)) {
            String old = file.metadata().architecture() + ".";
            String base = architecture.replaceFirst("^setun-", ""); // which the names of keys begin with
            GgufWriter writer = new GgufWriter(architecture);
            Set<String> open = new HashSet<>(changes.keySet());
            for (String key : file.metadata().keys()) {
                boolean own = key.startsWith(old);
                String name = own ? key.substring(old.length()) : key;
                Object value = changes.getOrDefault(name, file.metadata().value(key).orElseThrow());
                open.remove(name);
                if (!key.equals("general.architecture") && !key.equals("general.alignment")) {
                    put(writer, own ? base + "." + name : key, value);
                }
            }
            for (String name : open) {
                put(writer, base + "." + name, changes.get(name));
            }
            for (GgufTensor info : file.tensors()) {
                tensors.put(writer, info, file.tensor(info.name()));
            }
            writer.write(target);
        }
    }

    @SuppressWarnings("unchecked") // the metadata's only lists are of strings
    private static void put(GgufWriter writer, String key, Object value) {
        switch (value) {
            case Integer number -> writer.uint32(key, number);
            case Long number -> writer.uint32(key, number);
            case Float number -> writer.float32(key, number);
            case Double number -> writer.float32(key, number.floatValue());
            case Boolean flag -> writer.bool(key, flag);
            case String text when !text.isEmpty() -> writer.string(key, text);
            case String removed -> {
            }
            case List<?> list -> writer.strings(key, (List<String>) list);
            case long[] numbers -> writer.int32s(key, java.util.Arrays.stream(numbers).mapToInt(Math::toIntExact).toArray());
            case float[] numbers -> writer.float32s(key, numbers);
            default -> throw new IllegalArgumentException(key + " = " + value);
        }
    }
}
