package org.setun.quant.incoherence;

import java.lang.foreign.MemorySegment;

/**
 * An orthogonal map of vectors of one length, made from a seed. Runs on the backend that it was made with, under that backend's thread rules; the map
 * itself is immutable.
 */
public sealed interface Rotation permits HadamardRotation, OrthogonalRotation {

    /** Length of the vectors. */
    int size();

    /** How the map is built, such as {@code 36 x 12 x 2^4}: the same for equal sizes and seeds, or the file was made by another rule. */
    String structure();

    /** {@code x = V x} for each row of {@code rows} f32[count][size], in place. */
    void forward(MemorySegment rows, long count);

    /** {@code x = V^T x} for each row, in place: undoes {@link #forward}. */
    void inverse(MemorySegment rows, long count);
}
