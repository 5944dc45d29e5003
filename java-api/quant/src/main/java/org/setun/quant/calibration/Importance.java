package org.setun.quant.calibration;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * How much the square error of the values of a weight matrix counts: {@code rows[r] * columns[c]} for the value at row {@code r} and column
 * {@code c}. Each has the mean 1, so importances of different sources can be mixed and no product leaves the range of fp32. Rounding within
 * one row needs {@code columns} alone; {@code rows} weigh the rows of a matrix against each other.
 *
 * @param rows    F32[outputs], none negative; null if the source cannot tell rows apart
 * @param columns F32[inputs], none negative
 */
public record Importance(float @Nullable [] rows, float[] columns) {

    /**
     * The share of the mean that a row or column gets which never mattered: a block of such columns is then still rounded to nearest, not
     * arbitrarily.
     */
    static final double LEAST = 1e-6;

    /** Copies the arrays. */
    public Importance {
        rows = rows == null ? null : checked("rows", rows);
        columns = checked("columns", columns);
    }

    @Override
    public float @Nullable [] rows() {
        return rows == null ? null : rows.clone();
    }

    @Override
    public float[] columns() {
        return columns.clone();
    }

    /**
     * {@code raw} divided by its mean, in fp32; nothing is below {@value #LEAST}. All ones if the sum is 0.
     *
     * @param raw finite, none negative
     */
    static float[] normalized(double[] raw) {
        double mean = Arrays.stream(raw).sum() / raw.length;
        if (!(mean > 0) || Double.isInfinite(mean)) {
            float[] ones = new float[raw.length];
            Arrays.fill(ones, 1);
            return ones;
        }
        float[] result = new float[raw.length];
        for (int i = 0; i < raw.length; i++) {
            result[i] = (float) Math.max(raw[i] / mean, LEAST);
        }
        return result;
    }

    private static float[] checked(String name, float[] values) {
        for (int i = 0; i < values.length; i++) {
            if (!(values[i] >= 0 && values[i] < Float.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException(name + "[" + i + "] = " + values[i] + " must be finite and not negative");
            }
        }
        return values.clone();
    }
}
