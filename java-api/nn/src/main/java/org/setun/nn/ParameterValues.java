package org.setun.nn;

import java.lang.foreign.MemorySegment;

/** Gives parameters the values of a trained model instead of random ones. */
public interface ParameterValues {

    /**
     * Checks, before memory is taken, that there is such a parameter.
     *
     * @throws RuntimeException otherwise
     */
    void require(String name, Shape shape);

    /** Writes the values of a parameter that {@link #require} passed; {@code values} f32, row-major. */
    void read(String name, MemorySegment values);
}
