package org.setun.quant.format;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Rounds one block at a time: {@link #fit} fixes everything that the block's values share (scales, minima), then {@link #round} takes its
 * groups one after another in rising order, which lets an adaptive rounding (GPTQ, LDLQ) move the error of each to those that follow, and
 * {@link #write} stores the block. Rounding to nearest rounds the very values that were fitted. Not free-threaded.
 */
public interface BlockRounder {

    /**
     * Chooses the scales for the {@code blockSize} values from index {@code from}.
     *
     * @param importance of each value's square error, at the same indices; null for the format's own weighting
     * @throws IllegalArgumentException if a value is NaN or infinite
     */
    void fit(float[] values, int from, float @Nullable [] importance);

    /**
     * Rounds the group that starts at {@code index} of the block to what the fitted scales can represent, and keeps its code.
     *
     * @param index   a multiple of {@code groupSize}, less than {@code blockSize}
     * @param values  the {@code groupSize} values to round, from index {@code from}: those fitted, or those with the errors of others
     * @param rounded receives what will be decoded, from index {@code to}
     */
    void round(int index, float[] values, int from, float[] rounded, int to);

    /** Stores the block at byte {@code at}; all of its groups have been rounded. */
    void write(MemorySegment blocks, long at);
}
