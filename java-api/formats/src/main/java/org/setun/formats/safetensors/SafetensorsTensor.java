package org.setun.formats.safetensors;

import java.util.List;

/**
 * One tensor of a safetensors file.
 *
 * @param name the name
 * @param type the element type
 * @param shape the dimensions in row-major order, slowest first; empty for a scalar, 0 allowed
 * @param offset where its bytes start, from the start of the file
 * @param bytes how many bytes it takes
 */
public record SafetensorsTensor(String name, DType type, List<Long> shape, long offset, long bytes) {

    /** Copies the shape. */
    public SafetensorsTensor {
        shape = List.copyOf(shape);
    }

    /** The number of elements. */
    public long elements() {
        return bytes / type.bytes();
    }
}
