package org.setun.quant.rounding;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.Backend;

/**
 * The second moments H = E[x xᵀ] of the inputs of a matrix, up to a factor: how much each pair of errors in a row costs at its output.
 *
 * @param values  f32[columns][columns], row-major, off-heap; both triangles are filled, and differ by rounding errors at most
 * @param columns input channels of the matrix
 */
public record Hessian(MemorySegment values, int columns) {

    /** Checks the size, and that the diagonal can be one of second moments. */
    public Hessian {
        if (columns < 1 || values.byteSize() != (long) columns * columns * Float.BYTES) {
            throw new IllegalArgumentException("values has " + values.byteSize() + " bytes; columns = " + columns + " need columns² * 4");
        }
        for (int j = 0; j < columns; j++) {
            float square = values.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) j * columns + j);
            if (!(square >= 0) || square == Float.POSITIVE_INFINITY) {
                throw new IllegalArgumentException("values[" + j + "][" + j + "] = " + square
                        + " must be finite and not negative; an activation that was NaN or infinite does this");
            }
        }
    }

    /** H[j][j]: what the square error of channel j costs by itself; the importance matrix of llama.cpp, up to a factor. */
    public float[] diagonal() {
        float[] diagonal = new float[columns];
        for (int j = 0; j < columns; j++) {
            diagonal[j] = values.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) j * columns + j);
        }
        return diagonal;
    }

    /**
     * tr(E H Eᵀ) of errors f32[rows][columns], off-heap, with the products of rows by H in fp32: for a choice between formats, where few digits
     * count.
     */
    public double loss(Backend backend, MemorySegment errors) {
        long rows = errors.byteSize() / Float.BYTES / columns;
        if (rows < 1 || errors.byteSize() != rows * columns * Float.BYTES) {
            throw new IllegalArgumentException("errors has " + errors.byteSize() + " bytes, which rows of " + columns + " do not divide");
        }
        double loss = 0;
        try (Arena arena = Arena.ofShared()) {
            MemorySegment products = arena.allocate(errors.byteSize(), 64);
            backend.gemmF32(false, false, rows, columns, columns, 1, errors, columns, values, columns, 0, products, columns);
            for (long i = 0; i < rows * columns; i++) {
                loss += (double) errors.getAtIndex(ValueLayout.JAVA_FLOAT, i) * products.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            }
        }
        return Math.max(loss, 0);
    }

    /** tr(E H Eᵀ) of the errors {@code E} = rounded − weights, row-major: the loss that GPTQ and LDLQ lower. */
    public double loss(float[] weights, float[] rounded) {
        if (weights.length != rounded.length || weights.length % columns != 0) {
            throw new IllegalArgumentException("weights has " + weights.length + " values, rounded " + rounded.length
                    + "; both must have the same rows of " + columns);
        }
        float[] row = new float[columns];
        double[] errors = new double[weights.length];
        for (int i = 0; i < errors.length; i++) {
            errors[i] = (double) rounded[i] - weights[i];
        }
        double loss = 0;
        for (int j = 0; j < columns; j++) {
            MemorySegment.copy(values, ValueLayout.JAVA_FLOAT_UNALIGNED, (long) j * columns * Float.BYTES, row, 0, columns);
            for (int first = 0; first < errors.length; first += columns) {
                double sum = 0.5 * row[j] * errors[first + j];
                for (int k = j + 1; k < columns; k++) {
                    sum += row[k] * errors[first + k];
                }
                loss += 2 * errors[first + j] * sum;
            }
        }
        return loss;
    }
}
