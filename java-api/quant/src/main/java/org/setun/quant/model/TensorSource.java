package org.setun.quant.model;

import java.lang.foreign.MemorySegment;
import java.util.Set;
import org.setun.formats.FormatException;

/**
 * The tensors of a model by GGUF name, whatever its file calls them. One thread at a time, unless an implementation says otherwise; nothing
 * may be read once the file is closed.
 */
public interface TensorSource {

    /** All tensors of the file. */
    Set<String> names();

    /**
     * Checks that a tensor exists and has this shape, before memory is taken for it.
     *
     * @param shape slowest dimension first
     * @throws FormatException otherwise
     */
    void require(String name, long... shape);

    /** Writes the values of a tensor that {@link #require} passed, as f32, row-major. */
    void readFloats(String name, MemorySegment out);

    /** An error about this file. */
    FormatException error(String message);
}
