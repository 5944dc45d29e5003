package org.setun.quant.ptq;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightRows;
import org.setun.quant.incoherence.IncoherenceEffect;
import org.setun.quant.incoherence.IncoherenceTransform;
import org.setun.quant.rounding.FeedbackRounding;

/**
 * The values of one tensor that is to be encoded, and what chooses their codes.
 *
 * @param rows       as they are to be stored, transformed already; read by any number of threads
 * @param format     with all its parameters
 * @param importance f32[columns] of the square error of each column; null for the format's own weighting
 * @param adaptive   what chooses codes with the errors of other columns in mind, by stretches of rows and with threads of its own; null
 *                   for rounding
 *                   to nearest, row by row. Not closed with this
 * @param stored     the bytes as the input has them, if they are taken over; null otherwise
 * @param rotation   that the values have gone through
 * @param transform  the same, to run; null for none
 * @param effect     of the rotation; null without one
 * @param memory     that holds the values, freed with this; null if it is the input's
 */
record MatrixSource(WeightRows rows, WeightFormat format, float @Nullable [] importance, @Nullable FeedbackRounding adaptive,
        @Nullable MemorySegment stored, Optional<StoredRotation> rotation,
        @Nullable IncoherenceTransform transform, @Nullable IncoherenceEffect effect, @Nullable Arena memory) implements AutoCloseable {

    /** Stores one row to nearest, or takes it over. */
    void encode(long row, float[] values, MemorySegment blocks, long at) {
        if (stored == null) {
            format.encode(values, 0, rows.columns(), importance, blocks, at);
        } else {
            long bytes = format.rowBytes(rows.columns());
            MemorySegment.copy(stored, row * bytes, blocks, at, bytes);
        }
    }

    @Override
    public void close() {
        if (memory != null) {
            memory.close();
        }
    }
}
