package org.setun.cli.inspect;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a model file holds.
 *
 * @param format   name and version of the format
 * @param metadata keys and values in the file's order: numbers, booleans, texts, arrays and lists of them
 * @param verified whether the file has an integrity record, which its tensors then agree with
 * @param measured against the model that it was made from; null if that was not asked for
 */
public record FileReport(String format, Map<String, Object> metadata, List<TensorReport> tensors, boolean verified,
        @Nullable ErrorReport measured) {

    /** What a file holds, not measured against another one. */
    public FileReport(String format, Map<String, Object> metadata, List<TensorReport> tensors, boolean verified) {
        this(format, metadata, tensors, verified, null);
    }

    /** The same with these errors. */
    public FileReport with(ErrorReport errors) {
        return new FileReport(format, metadata, tensors, verified, errors);
    }

    /**
     * One tensor.
     *
     * @param type          GGUF's or safetensors' name in lower case, or that of one of our own formats with its parameters
     * @param shape         of the values, rows first
     * @param incoherence   what lies between the stored values and the weights: {@code hadamard} or {@code orthogonal}; empty for nothing
     * @param relativeError what quantizing lost, as the file's integrity record says; null if it has none
     * @param sha256        of the stored bytes, as that record says; null if there is none
     */
    public record TensorReport(String name, String type, List<Long> shape, long elements, long bytes, String incoherence,
            @Nullable Float relativeError, @Nullable String sha256) {
    }
}
