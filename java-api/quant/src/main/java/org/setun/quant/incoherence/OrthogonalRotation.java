package org.setun.quant.incoherence;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.setun.kernels.Backend;

/**
 * A random orthogonal matrix, uniformly distributed: the Q of the QR decomposition of a Gaussian matrix, made directly as a product of Householder
 * reflections (Stewart, "The efficient generation of random orthogonal matrices", 1980). Takes size^2 floats and operations per vector, and
 * 4 size^3 to make; {@link HadamardRotation} does nearly as well at a fraction of that.
 *
 * <p>The Gaussians are Box-Muller's of {@link SplittableRandom}'s doubles under {@link StrictMath}, and sums run in one order, so that the matrix is
 * the same on every machine.
 */
public final class OrthogonalRotation implements Rotation {

    /** The largest size: its matrix takes 64 MB, and 275 billion operations to make. */
    public static final int MAX_SIZE = 4096;

    private static final int ROWS_AT_A_TIME = 8; // share a reflection while it lies in the first-level cache
    private static final long ROWS_OF_A_PRODUCT = 256;

    private final Backend backend;
    private final int size;
    private final MemorySegment matrix; // f32[size][size]

    public OrthogonalRotation(Backend backend, int size, long seed) {
        requireSize(size);
        this.backend = backend;
        this.size = size;
        matrix = Arena.ofAuto().allocate((long) size * size * Float.BYTES, 64);
        float[][] reflections = new float[size][];
        double[] diagonal = new double[size];
        draw(seed, reflections, diagonal);
        IntStream.range(0, (size + ROWS_AT_A_TIME - 1) / ROWS_AT_A_TIME).parallel()
                .forEach(i -> makeRows(i * ROWS_AT_A_TIME, reflections, diagonal));
    }

    /** Refuses sizes beyond {@link #MAX_SIZE}. */
    public static void requireSize(long size) {
        if (size < 1 || size > MAX_SIZE) {
            throw new IllegalArgumentException("size = " + size + " must be in 1 .. " + MAX_SIZE
                    + " for an orthogonal matrix; the method hadamard takes any size");
        }
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public String structure() {
        return "householder " + size;
    }

    @Override
    public void forward(MemorySegment rows, long count) {
        multiply(rows, count, true);
    }

    @Override
    public void inverse(MemorySegment rows, long count) {
        multiply(rows, count, false);
    }

    /** Rows times the matrix or its transpose: each row as a vector times the transpose or the matrix. */
    private void multiply(MemorySegment rows, long count, boolean transposed) {
        long rowBytes = (long) size * Float.BYTES;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment product = arena.allocate(Math.min(count, ROWS_OF_A_PRODUCT) * rowBytes, 64);
            for (long first = 0; first < count; first += ROWS_OF_A_PRODUCT) {
                long some = Math.min(ROWS_OF_A_PRODUCT, count - first);
                MemorySegment part = rows.asSlice(first * rowBytes, some * rowBytes);
                backend.gemmF32(false, transposed, some, size, size, 1, part, size, matrix, size, 0, product, size);
                part.copyFrom(product.asSlice(0, some * rowBytes));
            }
        }
    }

    /** The vectors of the reflections, the k-th of size - k values, and the signs that make the product uniformly distributed. */
    private void draw(long seed, float[][] reflections, double[] diagonal) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int k = 0; k < size; k++) {
            float[] v = new float[size - k];
            double squares = 0;
            for (int i = 0; i < v.length; i++) {
                v[i] = (float) gaussian(random);
                squares += (double) v[i] * v[i];
            }
            double sign = v[0] < 0 ? -1 : 1;
            v[0] += (float) (sign * Math.sqrt(squares));
            diagonal[k] = -sign;
            reflections[k] = v;
        }
    }

    private static double gaussian(SplittableRandom random) {
        double radius = Math.sqrt(-2 * StrictMath.log(1 - random.nextDouble()));
        return radius * StrictMath.cos(2 * Math.PI * random.nextDouble());
    }

    /** Rows of the product of all reflections and the diagonal: unit vectors times each of them. */
    private void makeRows(int first, float[][] reflections, double[] diagonal) {
        double[][] rows = new double[Math.min(ROWS_AT_A_TIME, size - first)][size];
        for (int r = 0; r < rows.length; r++) {
            rows[r][first + r] = 1;
        }
        for (int k = 0; k < size; k++) {
            float[] v = reflections[k];
            double squares = dot(v, v);
            for (double[] row : rows) {
                double factor = squares == 0 ? 0 : -2 * dot(v, row, k) / squares;
                for (int i = 0; i < v.length; i++) {
                    row[k + i] += factor * v[i];
                }
            }
        }
        for (int r = 0; r < rows.length; r++) {
            for (int i = 0; i < size; i++) {
                matrix.setAtIndex(ValueLayout.JAVA_FLOAT, (long) (first + r) * size + i, (float) (rows[r][i] * diagonal[i]));
            }
        }
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) a[i] * b[i];
        }
        return sum;
    }

    /** Four running sums: the order is fixed, and they do not wait for each other. */
    private static double dot(float[] v, double[] row, int from) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int i = 0;
        for (; i + 4 <= v.length; i += 4) {
            s0 += v[i] * row[from + i];
            s1 += v[i + 1] * row[from + i + 1];
            s2 += v[i + 2] * row[from + i + 2];
            s3 += v[i + 3] * row[from + i + 3];
        }
        for (; i < v.length; i++) {
            s0 += v[i] * row[from + i];
        }
        return s0 + s1 + (s2 + s3);
    }
}
