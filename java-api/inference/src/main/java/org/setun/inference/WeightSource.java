package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.util.Set;
import org.setun.formats.FormatException;

/** Tensors by GGUF name, whatever the file calls them. */
interface WeightSource {

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

    /**
     * Reads a matrix [m][k] that {@link #require} passed as ternary codes if the file stores it in a ternary type and all its blocks that are not zero share one scale.
     *
     * @param codes i8[m][k], written
     * @return the scale, or NaN if the matrix is not of that kind; {@code codes} are meaningless then
     * @throws FormatException if the data are not what the type demands
     */
    float readTernary(String name, long m, long k, MemorySegment codes);

    /** An error about this file. */
    FormatException error(String message);
}
