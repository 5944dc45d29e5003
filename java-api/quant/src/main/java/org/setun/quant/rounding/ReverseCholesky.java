package org.setun.quant.rounding;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.Backend;

/**
 * The factor R of a symmetric positive definite A = R Rᵀ, upper triangular: a Cholesky factorization that starts at the last column. It runs
 * by panels from the right: a panel is factored in fp64, and what is left of it is updated by one fp32 product, n³/3 multiplications in all.
 */
final class ReverseCholesky {

    private static final int PANEL = 128;
    /** Columns of one product: only what is right of the diagonal is needed, so narrow ones save work and wide ones save calls. */
    private static final int STRIP = 1024;

    private ReverseCholesky() {
    }

    /**
     * Overwrites the upper triangle of {@code a} f32[n][n] by R. What is below the diagonal is left with no meaning.
     *
     * @return false if {@code a} is not positive definite as far as fp32 can tell; {@code a} is then lost
     */
    static boolean factor(Backend backend, MemorySegment a, int n) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment inverse = arena.allocate((long) PANEL * PANEL * Float.BYTES, 64);
            MemorySegment left = arena.allocate((long) n * PANEL * Float.BYTES, 64);
            for (int start = (n - 1) / PANEL * PANEL; start >= 0; start -= PANEL) {
                int width = Math.min(PANEL, n - start);
                double[] panel = read(a, n, start, width);
                if (!factor(panel, width)) {
                    return false;
                }
                write(panel, a, at(n, start, start), n, width);
                if (start == 0) {
                    return true;
                }
                write(inverse(panel, width), inverse, 0, width, width);
                MemorySegment above = a.asSlice(at(n, 0, start));
                backend.gemmF32(false, true, start, width, width, 1, above, n, inverse, width, 0, left, width);
                for (int i = 0; i < start; i++) {
                    MemorySegment.copy(left, (long) i * width * Float.BYTES, a, at(n, i, start), (long) width * Float.BYTES);
                }
                for (int first = 0; first < start; first += STRIP) {
                    int columns = Math.min(STRIP, start - first);
                    backend.gemmF32(false, true, first + columns, columns, width, -1, left, width,
                            left.asSlice((long) first * width * Float.BYTES), width, 1, a.asSlice(at(n, 0, first)), n);
                }
            }
        }
        return true;
    }

    /** The same for a small matrix: overwrites the upper triangle of {@code a}. */
    static boolean factor(double[] a, int n) {
        for (int j = n - 1; j >= 0; j--) {
            double pivot = a[j * n + j];
            for (int k = j + 1; k < n; k++) {
                pivot -= a[j * n + k] * a[j * n + k];
            }
            if (!(pivot > 0) || pivot == Double.POSITIVE_INFINITY) {
                return false;
            }
            double diagonal = Math.sqrt(pivot);
            a[j * n + j] = diagonal;
            for (int i = 0; i < j; i++) {
                double sum = a[i * n + j];
                for (int k = j + 1; k < n; k++) {
                    sum -= a[i * n + k] * a[j * n + k];
                }
                a[i * n + j] = sum / diagonal;
            }
        }
        return true;
    }

    /** The inverse of an upper triangular matrix; zeros below the diagonal. */
    static double[] inverse(double[] r, int n) {
        double[] inverse = new double[n * n];
        for (int j = 0; j < n; j++) {
            inverse[j * n + j] = 1 / r[j * n + j];
            for (int i = j - 1; i >= 0; i--) {
                double sum = 0;
                for (int k = i + 1; k <= j; k++) {
                    sum -= r[i * n + k] * inverse[k * n + j];
                }
                inverse[i * n + j] = sum / r[i * n + i];
            }
        }
        return inverse;
    }

    private static long at(int n, int row, int column) {
        return ((long) row * n + column) * Float.BYTES;
    }

    private static double[] read(MemorySegment a, int n, int start, int width) {
        double[] block = new double[width * width];
        for (int i = 0; i < width; i++) {
            for (int j = i; j < width; j++) {
                block[i * width + j] = a.get(ValueLayout.JAVA_FLOAT, at(n, start + i, start + j));
            }
        }
        return block;
    }

    /** The upper triangle of {@code block}, and zeros below it. */
    private static void write(double[] block, MemorySegment into, long from, int stride, int width) {
        for (int i = 0; i < width; i++) {
            for (int j = 0; j < width; j++) {
                into.set(ValueLayout.JAVA_FLOAT, from + at(stride, i, j), j < i ? 0 : (float) block[i * width + j]);
            }
        }
    }
}
