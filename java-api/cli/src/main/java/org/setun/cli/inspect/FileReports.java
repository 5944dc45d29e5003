package org.setun.cli.inspect;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Array;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.ptq.Integrity;
import org.setun.quant.ptq.SetunGguf;

/** Reads the structure of model files; the readers check all of it. */
public final class FileReports {

    private static final int SHORT = 60;

    private FileReports() {
    }

    /** The report of a file whose first bytes say that it is GGUF or safetensors; a {@link FormatException} otherwise. */
    public static FileReport of(Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new IllegalArgumentException(file + " is a folder; name a .gguf or .safetensors file in it");
        }
        byte[] head;
        try (InputStream in = Files.newInputStream(file)) {
            head = in.readNBytes(9);
        }
        if (head.length >= 4 && new String(head, 0, 4, StandardCharsets.ISO_8859_1).equals("GGUF")) {
            return gguf(file);
        }
        if (head.length == 9 && head[8] == '{') {
            return safetensors(file);
        }
        throw new FormatException(file.toString(), 0, "magic", "neither GGUF nor safetensors",
                "setun inspect reads .gguf and .safetensors files");
    }

    private static FileReport gguf(Path file) throws IOException {
        try (GgufFile gguf = GgufFile.open(file)) {
            Map<String, Object> metadata = new LinkedHashMap<>();
            for (String key : gguf.metadata().keys()) {
                gguf.metadata().value(key).ifPresent(value -> metadata.put(key, value));
            }
            Optional<Integrity> integrity = Integrity.verify(gguf);
            return new FileReport("GGUF version " + gguf.version(), metadata,
                    SetunGguf.of(gguf).tensors().stream().map(tensor -> report(gguf.info(tensor.name()), tensor, integrity)).toList(),
                    integrity.isPresent());
        }
    }

    private static FileReport.TensorReport report(GgufTensor stored, SetunGguf.Tensor tensor, Optional<Integrity> integrity) {
        List<Long> shape = LongStream.of(tensor.shape()).boxed().toList();
        return new FileReport.TensorReport(tensor.name(),
                tensor.format().map(WeightFormat::name).orElse(stored.type().name().toLowerCase(Locale.ROOT)), shape,
                shape.stream().reduce(1L, Math::multiplyExact), stored.bytes(),
                tensor.rotation().map(rotation -> rotation.kind().label()).orElse(""),
                integrity.map(record -> record.tensors().get(tensor.name()).relativeError()).orElse(null),
                integrity.map(record -> record.tensors().get(tensor.name()).sha256()).orElse(null));
    }

    private static FileReport safetensors(Path file) throws IOException {
        try (SafetensorsFile safetensors = SafetensorsFile.open(file)) {
            return new FileReport("safetensors", new LinkedHashMap<>(safetensors.metadata()),
                    safetensors.tensors().stream().map(tensor -> new FileReport.TensorReport(tensor.name(),
                            tensor.type().name().toLowerCase(Locale.ROOT), tensor.shape(), tensor.elements(), tensor.bytes(), "", null,
                            null)).toList(),
                    false);
        }
    }

    /** A value in at most about sixty characters, control characters escaped: a hostile file must not drive the terminal. */
    public static String text(Object value) {
        String text = switch (value) {
            case List<?> list -> list.size() + " values: " + list.stream().limit(8).map(String::valueOf).toList();
            case Object array when array.getClass().isArray() -> Array.getLength(array) + " values: " + firstOf(array);
            default -> String.valueOf(value);
        };
        return text.codePointCount(0, text.length()) > SHORT
                ? Printable.of(text.substring(0, text.offsetByCodePoints(0, SHORT))) + "…"
                : Printable.of(text);
    }

    private static String firstOf(Object array) {
        int count = Math.min(8, Array.getLength(array));
        Object[] first = new Object[count];
        for (int i = 0; i < count; i++) {
            first[i] = Array.get(array, i);
        }
        return Arrays.toString(first);
    }
}
