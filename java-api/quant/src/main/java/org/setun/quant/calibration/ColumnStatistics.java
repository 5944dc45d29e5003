package org.setun.quant.calibration;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.BiConsumer;

/**
 * Statistics of each column of a matrix whose rows come one after another: extremes, mean and variance (Welford's recurrence in fp64), sum of
 * squares. Memory does not grow with the rows. Not thread-safe.
 */
final class ColumnStatistics {

    private final float[] min;
    private final float[] max;
    private final double[] mean;
    private final double[] squaredDeviations;
    private final double[] squares;
    private long rows;

    ColumnStatistics(int columns) {
        min = new float[columns];
        max = new float[columns];
        mean = new double[columns];
        squaredDeviations = new double[columns];
        squares = new double[columns];
        Arrays.fill(min, Float.POSITIVE_INFINITY);
        Arrays.fill(max, Float.NEGATIVE_INFINITY);
    }

    /** Adds one row of finite values. */
    void add(float[] row) {
        rows++;
        double share = 1.0 / rows;
        for (int i = 0; i < row.length; i++) {
            float x = row[i];
            min[i] = Math.min(min[i], x);
            max[i] = Math.max(max[i], x);
            double delta = x - mean[i];
            mean[i] += delta * share;
            squaredDeviations[i] += delta * (x - mean[i]);
            squares[i] += (double) x * x;
        }
    }

    long rows() {
        return rows;
    }

    float[] min() {
        return min;
    }

    float[] max() {
        return max;
    }

    double[] mean() {
        return mean;
    }

    /** Of the population: divided by the number of rows. */
    double[] variance() {
        return Arrays.stream(squaredDeviations).map(sum -> rows == 0 ? 0 : sum / rows).toArray();
    }

    double[] sumOfSquares() {
        return squares;
    }

    /** All that rows have changed, under {@code name}; {@link #resume} tells how many rows they were. */
    void state(String name, BiConsumer<String, MemorySegment> sink) {
        sink.accept(name + ".min", MemorySegment.ofArray(min));
        sink.accept(name + ".max", MemorySegment.ofArray(max));
        sink.accept(name + ".mean", MemorySegment.ofArray(mean));
        sink.accept(name + ".deviations", MemorySegment.ofArray(squaredDeviations));
        sink.accept(name + ".squares", MemorySegment.ofArray(squares));
    }

    void resume(long count) {
        rows = count;
    }
}
