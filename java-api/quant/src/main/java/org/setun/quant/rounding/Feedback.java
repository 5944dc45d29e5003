package org.setun.quant.rounding;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.Backend;

/**
 * What the errors of some columns add to the target of others: the target of group k is w_k + Σ e_j F_jk with e = w − rounded, and the loss
 * that remains is a quadratic form of the rounding of each group.
 *
 * <p><b>LDL.</b> With H = R Rᵀ, R upper triangular, tr(E H Eᵀ) = ‖E R‖², and column k of E R depends on errors 0 to k only. So, group by group
 * from the left, the target that makes column k least is w_k + Σ_{j<k} e_j (R_jk R_kk⁻¹): F = R R_kk⁻¹ right of the diagonal, and what the
 * rounding of group k adds is the form R_kk R_kkᵀ. This is GPTQ too: its factor of H⁻¹ = UᵀU is R = U⁻¹.
 *
 * <p><b>Descent.</b> With all other groups fixed, the best target of group k is w_k + Σ_{j≠k} e_j H_jk H_kk⁻¹, and the form is H_kk.
 *
 * @param matrix f32[columns][columns], row-major: F
 * @param forms  the form of each group, [columns / group][group][group]
 */
record Feedback(MemorySegment matrix, double[] forms) {

    /** The feedback to later groups; overwrites {@code h}. Null if {@code h} is not positive definite. */
    static Feedback ldl(Backend backend, MemorySegment h, int columns, int group, Workers workers) {
        if (!ReverseCholesky.factor(backend, h, columns)) {
            return null;
        }
        int groups = columns / group;
        double[] forms = new double[columns * group];
        double[][] inverses = new double[groups][];
        for (int k = 0; k < groups; k++) {
            double[] r = diagonal(h, columns, k, group);
            inverses[k] = ReverseCholesky.inverse(r, group);
            for (int i = 0; i < group; i++) {
                for (int j = 0; j < group; j++) {
                    double sum = 0;
                    for (int l = Math.max(i, j); l < group; l++) {
                        sum += r[i * group + l] * r[j * group + l];
                    }
                    forms[(k * group + i) * group + j] = sum;
                }
            }
        }
        scale(h, columns, group, inverses, true, workers);
        return new Feedback(h, forms);
    }

    /** The feedback between all groups; overwrites {@code h}, which must be positive definite. */
    static Feedback descent(MemorySegment h, int columns, int group, Workers workers) {
        int groups = columns / group;
        double[] forms = new double[columns * group];
        double[][] inverses = new double[groups][];
        for (int k = 0; k < groups; k++) {
            double[] block = diagonal(h, columns, k, group);
            System.arraycopy(block, 0, forms, k * group * group, group * group);
            inverses[k] = symmetricInverse(block, group);
        }
        scale(h, columns, group, inverses, false, workers);
        return new Feedback(h, forms);
    }

    /** Multiplies each group of columns by its {@code group}² matrix from the right; the groups on the diagonal become 0. */
    private static void scale(MemorySegment h, int columns, int group, double[][] by, boolean upper, Workers workers) {
        workers.forEach(columns, () -> new float[columns], (row, i) -> {
            long at = (long) i * columns * Float.BYTES;
            MemorySegment.copy(h, ValueLayout.JAVA_FLOAT, at, row, 0, columns);
            double[] old = new double[group];
            int own = i / group;
            for (int k = upper ? own : 0; k < columns / group; k++) {
                int first = k * group;
                for (int j = 0; j < group; j++) {
                    old[j] = k == own ? 0 : row[first + j];
                }
                for (int j = 0; j < group; j++) {
                    double sum = 0;
                    for (int l = 0; l < group; l++) {
                        sum += old[l] * by[k][l * group + j];
                    }
                    row[first + j] = (float) sum;
                }
            }
            MemorySegment.copy(row, 0, h, ValueLayout.JAVA_FLOAT, at, columns);
        });
    }

    private static double[] diagonal(MemorySegment h, int columns, int k, int group) {
        double[] block = new double[group * group];
        for (int i = 0; i < group; i++) {
            for (int j = 0; j < group; j++) {
                block[i * group + j] = h.getAtIndex(ValueLayout.JAVA_FLOAT, (long) (k * group + i) * columns + k * group + j);
            }
        }
        return block;
    }

    /** A⁻¹ = R⁻ᵀ R⁻¹ of a symmetric positive definite A = R Rᵀ. */
    private static double[] symmetricInverse(double[] a, int n) {
        double[] r = a.clone();
        if (!ReverseCholesky.factor(r, n)) {
            throw new IllegalStateException("a diagonal block of a positive definite matrix is not positive definite");
        }
        double[] triangle = ReverseCholesky.inverse(r, n);
        double[] inverse = new double[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                for (int l = 0; l <= Math.min(i, j); l++) {
                    sum += triangle[l * n + i] * triangle[l * n + j];
                }
                inverse[i * n + j] = sum;
            }
        }
        return inverse;
    }

    /** Error vectors {@code e} of group {@code k} cost e · form · eᵀ. */
    double cost(int k, int group, double[] e) {
        double sum = 0;
        for (int i = 0; i < group; i++) {
            for (int j = 0; j < group; j++) {
                sum += e[i] * forms[(k * group + i) * group + j] * e[j];
            }
        }
        return sum;
    }

    static MemorySegment allocate(Arena arena, long rows, long columns) {
        return arena.allocate(Math.multiplyExact(Math.multiplyExact(rows, columns), Float.BYTES), 64);
    }
}
