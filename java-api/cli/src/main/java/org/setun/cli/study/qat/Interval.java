package org.setun.cli.study.qat;

import java.util.function.DoubleUnaryOperator;

/**
 * An estimate with the ends of its confidence interval; ends that one value alone cannot give are NaN.
 *
 * @param estimate a mean or a share
 * @param low      the lower end
 * @param high     the upper end
 */
public record Interval(double estimate, double low, double high) {

    /** Coverage of all intervals of these studies. */
    static final double LEVEL = 0.95;
    /** Quantile of the normal distribution at (1 + {@link #LEVEL}) / 2. */
    private static final double NORMAL_QUANTILE = 1.959963984540054;
    private static final int SIMPSON_PARTS = 2000;
    private static final int BISECTIONS = 100;

    /** The mean of values that are normal with one unknown variance: Student's interval. */
    static Interval ofMean(double... values) {
        int n = values.length;
        if (n == 0) {
            throw new IllegalArgumentException("values: none, an interval needs one at least");
        }
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        double mean = sum / n;
        if (n == 1) {
            return new Interval(mean, Double.NaN, Double.NaN);
        }
        double squares = 0;
        for (double value : values) {
            squares += (value - mean) * (value - mean);
        }
        double half = studentQuantile(n - 1) * Math.sqrt(squares / (n - 1) / n);
        return new Interval(mean, mean - half, mean + half);
    }

    /** A share of successes: Wilson's score interval (J. Am. Stat. Assoc. 22, 1927, 209-212). */
    static Interval ofShare(int successes, int trials) {
        if (trials < 1 || successes < 0 || successes > trials) {
            throw new IllegalArgumentException("successes: " + successes + " of " + trials + ", must be 0 to trials, of at least 1");
        }
        double z2 = NORMAL_QUANTILE * NORMAL_QUANTILE;
        double share = (double) successes / trials;
        double center = (share + z2 / (2 * trials)) / (1 + z2 / trials);
        double half = NORMAL_QUANTILE / (1 + z2 / trials) * Math.sqrt(share * (1 - share) / trials + z2 / (4.0 * trials * trials));
        return new Interval(share, Math.max(0, center - half), Math.min(1, center + half));
    }

    /** The t with {@code P(|T| <= t) = LEVEL}, found by bisection of the integrated density. */
    static double studentQuantile(int degrees) {
        double normalizer = densityAtZero(degrees);
        DoubleUnaryOperator density = t -> normalizer * Math.pow(1 + t * t / degrees, -(degrees + 1) / 2.0);
        double low = 0;
        double high = 20; // 12.7 with one degree of freedom
        for (int i = 0; i < BISECTIONS && low < high; i++) {
            double middle = (low + high) / 2;
            if (2 * integral(density, middle) < LEVEL) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** {@code Gamma((v + 1) / 2) / (sqrt(v pi) Gamma(v / 2))}, by the recursion in steps of two degrees. */
    private static double densityAtZero(int degrees) {
        double ratio = degrees % 2 == 1 ? 1 / Math.sqrt(Math.PI) : Math.sqrt(Math.PI) / 2; // Gamma((v + 1) / 2) / Gamma(v / 2)
        for (int v = degrees % 2 == 1 ? 1 : 2; v < degrees; v += 2) {
            ratio *= (v + 1.0) / v;
        }
        return ratio / Math.sqrt(degrees * Math.PI);
    }

    /** From 0 to {@code to}, by Simpson's rule. */
    private static double integral(DoubleUnaryOperator f, double to) {
        double h = to / SIMPSON_PARTS;
        double sum = f.applyAsDouble(0) + f.applyAsDouble(to);
        for (int i = 1; i < SIMPSON_PARTS; i++) {
            sum += f.applyAsDouble(i * h) * (i % 2 == 1 ? 4 : 2);
        }
        return sum * h / 3;
    }
}
