package org.setun.quant.format;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.BlockFormat;

/**
 * A way to store the rows of a weight matrix in blocks of few bits. A row of {@code columns} values (a multiple of {@link #blockSize()})
 * becomes {@code columns / blockSize} blocks, one after another. Immutable and free-threaded; a {@link BlockRounder} is not.
 */
public interface WeightFormat {

    /** The name with all parameters, such as {@code q4_k} or {@code pi-q3:k=4}; {@link WeightFormats#parse} gives this format back. */
    String name();

    /** Values per block. */
    int blockSize();

    /** Bytes per block. */
    int blockBytes();

    /** Values that can only be rounded together: 1, or the dimension of a lattice. Divides {@link #blockSize()}. */
    default int groupSize() {
        return 1;
    }

    /** The GGUF type of the blocks, empty if no other engine knows them. */
    Optional<GgmlType> ggmlType();

    /** The kernels that compute on the blocks as they are; empty if there are none, and values are expanded first. */
    default Optional<BlockFormat> kernel() {
        return ggmlType().flatMap(type -> BlockFormat.ofCode(type.id()));
    }

    /** What the {@link #kernel} needs to know beside the blocks, to pack them; 0 for most. */
    default int kernelParameter() {
        return 0;
    }

    /** The same format with the parameters that hold for a whole matrix chosen for this one; itself if it has none. */
    default WeightFormat fitted(WeightRows weights) {
        return this;
    }

    /** Whether the format has all its parameters, as what is stored needs it; if not, {@link #fitted} chooses them. */
    default boolean isFitted() {
        return true;
    }

    /** A rounder for blocks of this format, to be used by one thread at a time. */
    BlockRounder newRounder();

    /**
     * Rounds {@code count} values to nearest.
     *
     * @param count      a multiple of {@link #blockSize()}
     * @param importance of each value's square error, not negative, at the indices of {@code values}; null for the format's own weighting
     * @param blocks     receives {@code count / blockSize} blocks from byte {@code at}
     * @throws IllegalArgumentException if a value is NaN or infinite
     */
    default void encode(float[] values, int from, int count, float @Nullable [] importance, MemorySegment blocks, long at) {
        BlockRounder rounder = newRounder();
        float[] rounded = new float[groupSize()];
        for (int block = 0; block < count / blockSize(); block++) {
            int first = from + block * blockSize();
            rounder.fit(values, first, importance);
            for (int i = 0; i < blockSize(); i += groupSize()) {
                rounder.round(i, values, first + i, rounded, 0);
            }
            rounder.write(blocks, at + (long) block * blockBytes());
        }
    }

    /**
     * The values that {@code count / blockSize} blocks from byte {@code at} stand for, into {@code values} from index {@code to}. Never fails on
     * hostile bytes: a NaN scale gives NaN values.
     */
    void decode(MemorySegment blocks, long at, int count, float[] values, int to);

    /** Bytes of {@code columns} values. */
    default long rowBytes(long columns) {
        if (columns < 0 || columns % blockSize() != 0) {
            throw new IllegalArgumentException(
                    "columns = " + columns + " is not a multiple of " + blockSize() + ", the block of " + name());
        }
        return Math.multiplyExact(columns / blockSize(), (long) blockBytes());
    }

    /** Bits stored per value. */
    default double bitsPerWeight() {
        return 8.0 * blockBytes() / blockSize();
    }
}
