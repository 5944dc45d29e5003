package org.setun.nn;

import java.util.Arrays;

/** Dimensions of a tensor, outermost first; immutable. The last one is the row length ({@link #columns()}). */
public final class Shape {

    private final long[] dimensions;
    private final long size;

    private Shape(long[] dimensions) {
        this.dimensions = dimensions;
        long product = 1;
        for (long dimension : dimensions) {
            if (dimension < 0) {
                throw new IllegalArgumentException("shape " + Arrays.toString(dimensions) + " has a negative dimension");
            }
            try {
                product = Math.multiplyExact(product, dimension);
            } catch (ArithmeticException e) {
                throw new IllegalArgumentException("shape " + Arrays.toString(dimensions) + " has more than 2^63 elements", e);
            }
        }
        size = product;
    }

    /** At least one dimension, each of them {@code >= 0}. */
    public static Shape of(long... dimensions) {
        if (dimensions.length == 0) {
            throw new IllegalArgumentException("a shape needs at least one dimension");
        }
        return new Shape(dimensions.clone());
    }

    public int rank() {
        return dimensions.length;
    }

    public long dimension(int index) {
        return dimensions[index];
    }

    /** Number of elements. */
    public long size() {
        return size;
    }

    /** The last dimension. */
    public long columns() {
        return dimensions[dimensions.length - 1];
    }

    /** The product of all dimensions but the last. */
    public long rows() {
        long rows = 1;
        for (int i = 0; i < dimensions.length - 1; i++) {
            rows = Math.multiplyExact(rows, dimensions[i]);
        }
        return rows;
    }

    /** The same dimensions except for the first. */
    Shape withFirst(long first) {
        long[] changed = dimensions.clone();
        changed[0] = first;
        return new Shape(changed);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape shape && Arrays.equals(dimensions, shape.dimensions);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(dimensions);
    }

    /** For example {@code [2, 3]}. */
    @Override
    public String toString() {
        return Arrays.toString(dimensions);
    }
}
