package org.setun.quant.ptq.input;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufWriter;
import org.setun.quant.format.WeightRows;

/**
 * A model to be quantized, mapped from its file: GGUF names and GGUF's order of rows, whatever the file has. All methods may be called by
 * any
 * number of threads until it is closed.
 */
public interface ModelInput extends AutoCloseable {

    /** The GGUF architecture that computes the model. */
    String architecture();

    /** The files that the tensors come from, in a fixed order. */
    List<Path> files();

    /** The other files that the output depends on, by what they are: sizes, tokenizer, the list of the parts. In a fixed order. */
    Map<String, Path> sideFiles();

    /** All tensors, in the order in which they are to be written. */
    List<InputTensor> tensors();

    /** The rows of a tensor as fp32. */
    WeightRows rows(InputTensor tensor);

    /** The bytes of a tensor whose {@link InputTensor#type()} is present. */
    Optional<MemorySegment> bytes(InputTensor tensor);

    /**
     * Puts everything but the tensors: sizes, tokenizer, name and licence; not the architecture, the file type and what an older
     * quantization
     * said of itself.
     */
    void writeMetadata(GgufWriter writer);

    @Override
    void close();

    /**
     * Opens a model: a GGUF file, a safetensors file, the index of several or the folder of either ({@code config.json} and {@code tokenizer.json}
     * are taken from there), or a checkpoint of llama2.c.
     *
     * @param tokenizer of a llama2.c checkpoint; null for none, and for all others
     * @throws FormatException if it is damaged or of a kind that is not supported
     * @throws IOException if it cannot be read
     */
    static ModelInput open(Path path, @Nullable Path tokenizer) throws IOException {
        Path file = file(path);
        requireModel(file);
        boolean gguf = isGguf(head(file));
        boolean huggingFace = isHuggingFace(file);
        if (tokenizer != null && (gguf || huggingFace)) {
            throw new IllegalArgumentException("tokenizer = " + tokenizer + ", but only llama2.c checkpoints take one; " + file
                    + " brings its own");
        }
        if (gguf) {
            return GgufInput.open(file);
        }
        return huggingFace ? SafetensorsInput.open(file) : Llama2cInput.open(file, tokenizer);
    }

    /**
     * The file that stands for a model: of a folder its {@code model.safetensors.index.json} or {@code model.safetensors}, else the path itself.
     *
     * @throws IllegalArgumentException if a folder has neither
     */
    static Path file(Path path) {
        if (!Files.isDirectory(path)) {
            return path;
        }
        return Stream.of("model.safetensors.index.json", "model.safetensors").map(path::resolve).filter(Files::exists).findFirst()
                .orElseThrow(() -> new IllegalArgumentException(path + " is a folder without model.safetensors or "
                        + "model.safetensors.index.json; name a model file"));
    }

    /** Whether a file is a safetensors file, which starts with the length of its header and a brace, or the index of several. */
    static boolean isHuggingFace(Path file) throws IOException {
        if (file.toString().endsWith(".json")) {
            return true;
        }
        byte[] head = head(file);
        if (head.length < 9 || head[8] != '{' || isGguf(head)) {
            return false;
        }
        long header = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN).getLong();
        return header > 0 && header <= Files.size(file) - 8;
    }

    /** Whether a file is a GGUF file. */
    static boolean isGguf(Path file) throws IOException {
        return isGguf(head(file));
    }

    /** Whether a model is a checkpoint of llama2.c, the only kind that does not bring its own tokenizer. */
    static boolean takesTokenizer(Path path) throws IOException {
        Path file = file(path);
        return !isGguf(file) && !isHuggingFace(file);
    }

    /**
     * Refuses what is certainly no model: a packed file, and text.
     *
     * @throws FormatException saying what it is
     */
    static void requireModel(Path file) throws IOException {
        byte[] head = head(file);
        String start = new String(head, StandardCharsets.ISO_8859_1);
        Optional<String> unpack = start.startsWith("\u00fd7zXZ\0")
                ? Optional.of("xz -d")
                : start.startsWith("\u001f\u008b")
                        ? Optional.of("gzip -d")
                        : start.startsWith("(\u00b5/\u00fd") ? Optional.of("zstd -d") : Optional.empty();
        if (unpack.isPresent()) {
            throw new FormatException(file.toString(), 0, "magic", "the file is packed", "unpack it with " + unpack.get() + " " + file);
        }
        boolean text = start.chars().allMatch(c -> c >= ' ' && c != 0x7f || c == '\n' || c == '\r' || c == '\t');
        if (text && !isGguf(head) && !isHuggingFace(file)) {
            throw new FormatException(file.toString(), 0, "magic", "neither GGUF, safetensors nor llama2.c",
                    "name a model in one of these formats");
        }
    }

    private static boolean isGguf(byte[] head) {
        return new String(head, StandardCharsets.ISO_8859_1).startsWith("GGUF");
    }

    /** The first bytes of a file, up to the first of a safetensors header. */
    private static byte[] head(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return in.readNBytes(9);
        }
    }
}
