package org.setun.quant.pi;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;
import org.setun.quant.format.QuantizationError;
import org.setun.quant.format.WeightRows;

/**
 * A matrix in memory that has been pi-quantized, for programs that quantize matrices of their own; files are written by
 * {@link org.setun.quant.ptq.QuantizeJob}, which has the same blocks. Not changed once it is made, so any number of threads may read it, as far
 * as {@code data} may be read from them.
 *
 * @param rows    output channels
 * @param columns input channels, a multiple of 256
 * @param config  what it was quantized with
 * @param data    the blocks of all rows, one row after another
 * @param mse     mean squared error against the original; NaN without values
 */
public record PiQuantizedTensor(long rows, int columns, PiQuantConfig config, MemorySegment data, double mse) {

    /**
     * Quantizes a matrix to nearest.
     *
     * @param importance of each column's square error, {@code columns} values that are not negative, or null
     * @param memory     for the blocks
     * @throws IllegalArgumentException if the columns are no multiple of 256, or a value is NaN or infinite
     */
    public static PiQuantizedTensor quantize(WeightRows weights, PiQuantConfig config, float @Nullable [] importance,
            SegmentAllocator memory) {
        PiFormat format = PiFormat.of(config);
        int columns = weights.columns();
        long rowBytes = format.rowBytes(columns);
        if (importance != null && importance.length != columns) {
            throw new IllegalArgumentException("importance has " + importance.length + " values, must have columns = " + columns);
        }
        MemorySegment data = memory.allocate(Math.multiplyExact(weights.rows(), rowBytes));
        float[] row = new float[columns];
        float[] stored = new float[columns];
        QuantizationError error = new QuantizationError();
        for (long r = 0; r < weights.rows(); r++) {
            weights.read(r, row, 0);
            format.encode(row, 0, columns, importance, data, r * rowBytes);
            format.decode(data, r * rowBytes, columns, stored, 0);
            error.add(row, 0, stored, 0, columns);
        }
        return new PiQuantizedTensor(weights.rows(), columns, config, data, error.mse());
    }

    /** The values that the codes stand for, as rows. */
    public WeightRows dequantized() {
        PiFormat format = PiFormat.of(config);
        return WeightRows.of(rows, columns, (row, values, to) -> format.decode(data, row * format.rowBytes(columns), columns, values, to));
    }
}
