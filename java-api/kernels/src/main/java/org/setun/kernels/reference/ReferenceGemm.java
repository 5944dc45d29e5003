package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

import static org.setun.kernels.reference.Segments.f32;

/** fp32 matrix product with fp64 accumulation. */
final class ReferenceGemm {

    private static final int COLUMNS = 256;

    private ReferenceGemm() {
    }

    static void gemm(boolean transA, boolean transB, long m, long n, long k, float alpha, MemorySegment a, long lda, MemorySegment b,
            long ldb, float beta, MemorySegment c, long ldc) {
        for (long first = 0; first < n; first += COLUMNS) {
            int width = (int) Math.min(COLUMNS, n - first);
            double[][] block = columns(transB, b, ldb, k, first, width);
            double[] row = new double[width];
            for (long i = 0; i < m; i++) {
                Arrays.fill(row, 0);
                for (int p = 0; p < k; p++) {
                    double left = f32(a, transA ? p * lda + i : i * lda + p);
                    double[] right = block[p];
                    for (int j = 0; j < width; j++) {
                        row[j] += left * right[j];
                    }
                }
                for (int j = 0; j < width; j++) {
                    long at = i * ldc + first + j;
                    double product = alpha * row[j];
                    f32(c, at, (float) (beta == 0 ? product : product + (double) beta * f32(c, at)));
                }
            }
        }
    }

    /** Columns [first, first + width) of op(b), as k rows. */
    private static double[][] columns(boolean transB, MemorySegment b, long ldb, long k, long first, int width) {
        double[][] block = new double[Math.toIntExact(k)][width];
        for (int p = 0; p < k; p++) {
            for (int j = 0; j < width; j++) {
                block[p][j] = f32(b, transB ? (first + j) * ldb + p : p * ldb + first + j);
            }
        }
        return block;
    }
}
