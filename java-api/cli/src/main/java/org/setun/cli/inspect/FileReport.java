package org.setun.cli.inspect;

import java.util.List;
import java.util.Map;

/**
 * What a model file holds.
 *
 * @param format   name and version of the format
 * @param metadata keys and short texts of their values, in the file's order
 */
public record FileReport(String format, Map<String, String> metadata, List<TensorReport> tensors) {

    /** One tensor: its type, its shape (rows first), its values and bytes. */
    public record TensorReport(String name, String type, List<Long> shape, long elements, long bytes) {
    }
}
