package org.setun.quant.rounding;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightRows;

/**
 * Chooses the codes of a matrix. Rows are independent of each other, so a matrix can be rounded in parts of any size with the same result,
 * and by any number of threads. One call at a time; closing frees what was prepared.
 */
public interface Rounding extends AutoCloseable {

    /** The format of the blocks that are written. */
    WeightFormat format();

    /**
     * Rounds rows {@code from} to {@code from + count}. {@code weights} is read by the calling thread alone, one row after another.
     *
     * @param importance f32[columns], not negative: how much the square error of each input channel matters when scales are chosen; null for
     *                   the rounding's own choice
     * @param blocks     receives {@code count} rows of {@code format().rowBytes(columns)} bytes from byte {@code at}
     * @throws IllegalArgumentException if a value is NaN or infinite, or a shape does not fit
     */
    void encode(WeightRows weights, long from, int count, float @Nullable [] importance, MemorySegment blocks, long at);

    @Override
    void close();

    /** To nearest, whatever the inputs of the matrix are. */
    static Rounding nearest(WeightFormat format, Workers workers) {
        return new NearestRounding(format, workers);
    }
}
