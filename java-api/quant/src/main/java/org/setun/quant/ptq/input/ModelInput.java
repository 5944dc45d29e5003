package org.setun.quant.ptq.input;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
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
     * Opens a model: a GGUF file, a safetensors file or the index of several ({@code config.json} and {@code tokenizer.json} are taken
     * from its
     * folder), or a checkpoint of llama2.c.
     *
     * @param tokenizer of a llama2.c checkpoint; null for none, and for all others
     * @throws FormatException if it is damaged or of a kind that is not supported
     * @throws IOException if it cannot be read
     */
    static ModelInput open(Path file, @Nullable Path tokenizer) throws IOException {
        byte[] head;
        try (InputStream in = Files.newInputStream(file)) {
            head = in.readNBytes(9);
        }
        boolean gguf = new String(head, StandardCharsets.ISO_8859_1).startsWith("GGUF");
        boolean safetensors = head.length == 9 && head[8] == '{';
        boolean index = file.toString().endsWith(".json");
        if (tokenizer != null && (gguf || safetensors || index)) {
            throw new IllegalArgumentException("tokenizer = " + tokenizer + ", but only llama2.c checkpoints take one; " + file
                    + " brings its own");
        }
        if (gguf) {
            return GgufInput.open(file);
        }
        return safetensors || index ? SafetensorsInput.open(file) : Llama2cInput.open(file, tokenizer);
    }
}
