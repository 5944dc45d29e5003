package org.setun.quant.rounding;

/** GPTQ as its paper prints the algorithm: the Cholesky factor of the inverse, errors pushed to the right, all in fp64. */
final class PaperGptq {

    private PaperGptq() {
    }

    /** Weights in rows of n, on the grid {@code -most .. most} times {@code step}; h is not damped. */
    static float[] round(double[] h, int n, float[] weights, float step, int most) {
        double[] inverse = invert(h, n);
        double[][] u = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = i; j < n; j++) {
                double sum = inverse[i * n + j];
                for (int k = 0; k < i; k++) {
                    sum -= u[k][i] * u[k][j];
                }
                u[i][j] = i == j ? Math.sqrt(sum) : sum / u[i][i];
            }
        }
        float[] rounded = new float[weights.length];
        for (int first = 0; first < weights.length; first += n) {
            double[] w = new double[n];
            for (int j = 0; j < n; j++) {
                w[j] = weights[first + j];
            }
            for (int q = 0; q < n; q++) {
                rounded[first + q] = (float) Math.max(-most, Math.min(most, Math.rint(w[q] / step))) * step;
                double error = (w[q] - rounded[first + q]) / u[q][q];
                for (int j = q; j < n; j++) {
                    w[j] -= error * u[q][j];
                }
            }
        }
        return rounded;
    }

    /** Gauss-Jordan; the matrices here are well enough conditioned for it. */
    private static double[] invert(double[] a, int n) {
        double[][] rows = new double[n][2 * n];
        for (int i = 0; i < n; i++) {
            System.arraycopy(a, i * n, rows[i], 0, n);
            rows[i][n + i] = 1;
        }
        for (int p = 0; p < n; p++) {
            double pivot = rows[p][p];
            for (int j = 0; j < 2 * n; j++) {
                rows[p][j] /= pivot;
            }
            for (int i = 0; i < n; i++) {
                double factor = rows[i][p];
                for (int j = 0; i != p && j < 2 * n; j++) {
                    rows[i][j] -= factor * rows[p][j];
                }
            }
        }
        double[] inverse = new double[n * n];
        for (int i = 0; i < n; i++) {
            System.arraycopy(rows[i], n, inverse, i * n, n);
        }
        return inverse;
    }
}
