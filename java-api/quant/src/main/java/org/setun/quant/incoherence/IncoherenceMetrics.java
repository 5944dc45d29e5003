package org.setun.quant.incoherence;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/**
 * How far outliers stand out of a matrix.
 *
 * @param mu           the least mu for which it is mu-incoherent: max|W| sqrt(rows * columns) / |W|_F, which is the largest magnitude over the root mean
 *                     square of the matrix; 0 of a zero matrix
 * @param kurtosis     fourth central moment over the squared variance: 3 for Gaussian values; NaN without variance
 * @param maxOverRms   the mean over the rows of each row's largest magnitude over its root mean square, rows of zeros left out: what a scale per row
 *                     meets
 */
public record IncoherenceMetrics(double mu, double kurtosis, double maxOverRms) {

    /** Of a matrix f32[rows][columns]. */
    public static IncoherenceMetrics of(MemorySegment matrix, int rows, int columns) {
        long count = (long) rows * columns;
        if (matrix.byteSize() != count * Float.BYTES) {
            throw new IllegalArgumentException(
                    "matrix has " + matrix.byteSize() + " bytes but " + rows + " rows of " + columns + " floats need "
                            + count * Float.BYTES);
        }
        double sum = 0;
        double squares = 0;
        double largest = 0;
        double ratios = 0;
        int filled = 0;
        for (int i = 0; i < rows; i++) {
            double rowSquares = 0;
            double rowLargest = 0;
            for (int j = 0; j < columns; j++) {
                double value = matrix.getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * columns + j);
                sum += value;
                rowSquares += value * value;
                rowLargest = Math.max(rowLargest, Math.abs(value));
            }
            if (rowSquares > 0) {
                ratios += rowLargest / Math.sqrt(rowSquares / columns);
                filled++;
            }
            squares += rowSquares;
            largest = Math.max(largest, rowLargest);
        }
        double mean = sum / count;
        double second = 0;
        double fourth = 0;
        for (long i = 0; i < count; i++) {
            double distance = matrix.getAtIndex(ValueLayout.JAVA_FLOAT, i) - mean;
            double square = distance * distance;
            second += square;
            fourth += square * square;
        }
        return new IncoherenceMetrics(squares == 0 ? 0 : largest / Math.sqrt(squares / count), fourth / second / second * count,
                filled == 0 ? 0 : ratios / filled);
    }

    /** Of a row-major array. */
    public static IncoherenceMetrics of(float[] matrix, int columns) {
        MemorySegment segment = MemorySegment.ofArray(matrix);
        return of(segment, matrix.length / columns, columns);
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "mu %.2f, kurtosis %.2f, max/RMS of a row %.2f", mu, kurtosis, maxOverRms);
    }
}
