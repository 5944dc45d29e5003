package org.setun.quant.calibration;

import java.util.List;

/**
 * What was seen of one input: the rows that one or more weight matrices are multiplied with. Arrays have one value per column and are the
 * record's own: not to be changed.
 *
 * @param name         of the first of the weights
 * @param weights      names of all that share the input (query, key and value; gate and up)
 * @param tokens       rows seen
 * @param min          least value
 * @param max          greatest value
 * @param mean         arithmetic mean
 * @param variance     mean square distance from the mean
 * @param sumOfSquares as an importance matrix counts it
 * @param histogram    of the values of all columns together
 */
public record InputStatistics(String name, List<String> weights, long tokens, float[] min, float[] max, double[] mean, double[] variance,
        double[] sumOfSquares, LogHistogram histogram) {

    /** Copies the list. */
    public InputStatistics {
        weights = List.copyOf(weights);
    }

    /** Values per row. */
    public int columns() {
        return min.length;
    }

    /** The largest magnitude. */
    public float absmax() {
        float largest = 0;
        for (int i = 0; i < min.length; i++) {
            largest = Math.max(largest, Math.max(Math.abs(min[i]), Math.abs(max[i])));
        }
        return largest;
    }
}
