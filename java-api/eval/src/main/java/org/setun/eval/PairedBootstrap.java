package org.setun.eval;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Percentile confidence intervals of the difference between two methods that were measured on the same parts of a text (B. Efron, Bootstrap
 * methods, 1979). Parts are drawn with replacement, both methods' values of a part together, so that what makes a part hard for both cancels.
 */
public final class PairedBootstrap {

    /**
     * An interval.
     *
     * @param estimate from all parts as they are
     * @param low      its lower end
     * @param high     its upper end
     */
    public record Interval(double estimate, double low, double high) {

        /** Whether 0 lies outside: the methods differ. */
        public boolean excludesZero() {
            return low > 0 || high < 0;
        }
    }

    private PairedBootstrap() {
    }

    /**
     * The difference of perplexities, {@code exp(sum a / n) - exp(sum b / n)}.
     *
     * @param a         summed negative log-likelihood of each part by the first method
     * @param b         by the second
     * @param tokens    tokens of each part
     * @param resamples how often to draw, such as 10,000
     * @param level     the interval's coverage, such as 0.95
     * @param seed      of the drawing: equal seeds give equal intervals
     */
    public static Interval perplexityDifference(double[] a, double[] b, int[] tokens, int resamples, double level, long seed) {
        int parts = a.length;
        if (parts == 0 || b.length != parts || tokens.length != parts) {
            throw new IllegalArgumentException(
                    "a, b and tokens have " + parts + ", " + b.length + " and " + tokens.length + " parts: they must be as many, and some");
        }
        if (resamples < 1 || level <= 0 || level >= 1) {
            throw new IllegalArgumentException("resamples = " + resamples + " must be >= 1 and level = " + level + " within (0, 1)");
        }
        SplittableRandom random = new SplittableRandom(seed);
        double[] differences = new double[resamples];
        for (int sample = 0; sample < resamples; sample++) {
            double sumA = 0;
            double sumB = 0;
            long count = 0;
            for (int draw = 0; draw < parts; draw++) {
                int part = random.nextInt(parts);
                sumA += a[part];
                sumB += b[part];
                count += tokens[part];
            }
            differences[sample] = Math.exp(sumA / count) - Math.exp(sumB / count);
        }
        Arrays.sort(differences);
        long all = Arrays.stream(tokens).asLongStream().sum();
        double estimate = Math.exp(Arrays.stream(a).sum() / all) - Math.exp(Arrays.stream(b).sum() / all);
        return new Interval(estimate, quantile(differences, (1 - level) / 2), quantile(differences, (1 + level) / 2));
    }

    private static double quantile(double[] sorted, double share) {
        double position = share * (sorted.length - 1);
        int below = (int) position;
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
    }
}
