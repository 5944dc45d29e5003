package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.GemmOps.Operand;

import static org.setun.kernels.reference.Segments.f32;

/** Matrix products with fp64 accumulation. */
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

    static void gemmBf16(long m, long n, long k, float alpha, Operand a, Operand b, @Nullable MemorySegment step, float beta,
            @Nullable MemorySegment bias, MemorySegment c, long ldc) {
        boolean stepInB = a.element() == Element.I8;
        double[][] left = rounded(a, false, m, k, stepInB ? null : step);
        double[][] right = rounded(b, true, n, k, stepInB ? step : null);
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                for (int p = 0; p < k; p++) {
                    sum += left[i][p] * right[j][p];
                }
                long at = i * ldc + j;
                double value = k == 0 || alpha == 0 ? 0 : alpha * sum;
                value += beta == 0 ? 0 : (double) beta * f32(c, at);
                f32(c, at, (float) (bias == null ? value : value + f32(bias, j)));
            }
        }
    }

    /** The rows of an operand, or its columns, as {@code count} lines of {@code k} values, each times its step and rounded to bf16. */
    private static double[][] rounded(Operand operand, boolean columns, long count, long k, @Nullable MemorySegment step) {
        double[][] lines = new double[Math.toIntExact(count)][Math.toIntExact(k)];
        for (int i = 0; i < count; i++) {
            for (int p = 0; p < k; p++) {
                long at = operand.transposed() != columns ? p * operand.ld() + i : i * operand.ld() + p;
                float value = element(operand.element(), operand.values(), at);
                lines[i][p] = Bf16.round(step == null ? value : value * f32(step, p));
            }
        }
        return lines;
    }

    /** An element of a product as fp32, exactly. */
    static float element(Element type, MemorySegment values, long index) {
        return switch (type) {
            case F32 -> f32(values, index);
            case BF16 -> Bf16.get(values, index);
            case I8 -> Segments.i8(values, index);
        };
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
