package org.setun.training.search;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Tree-structured Parzen estimators (Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011): per dimension, the density l of the
 * best trials and g of the others; of some points drawn from l, the one with the largest l/g. The densities are mixtures of one normal distribution
 * around each trial, cut to [0, 1], and the uniform one, so that no place is given up. The first trials are random. Immutable.
 */
public final class ParzenSampler implements Sampler {

    private static final int CANDIDATES = 24;
    private static final double BEST_SHARE = 0.2;
    private static final int MOST_BEST = 25;

    private final List<Dimension> space;
    private final long seed;
    private final int startup;
    private final Sampler first;

    /** A sampler whose first {@code startup} trials are random. */
    public ParzenSampler(List<Dimension> space, long seed, int startup) {
        this.space = List.copyOf(space);
        this.seed = seed;
        this.startup = startup;
        first = Sampler.random(space.size(), seed);
    }

    @Override
    public double[] suggest(int number, List<Observation> known) {
        if (known.size() < Math.max(2, startup)) {
            return first.suggest(number, known);
        }
        List<Observation> ranked = known.stream().sorted(Comparator.comparingDouble(Observation::value)).toList();
        int best = (int) Math.min(Math.ceil(BEST_SHARE * ranked.size()), Math.min(MOST_BEST, ranked.size() - 1));
        SplittableRandom random = Sampler.generator(seed, number);
        double[] point = new double[space.size()];
        for (int d = 0; d < point.length; d++) {
            double[] good = coordinates(ranked.subList(0, best), d);
            double[] other = coordinates(ranked.subList(best, ranked.size()), d);
            int count = space.get(d).count();
            point[d] = count > 0 ? choose(good, other, count, random) : draw(good, other, random);
        }
        return point;
    }

    private static double[] coordinates(List<Observation> observations, int dimension) {
        return observations.stream().mapToDouble(observation -> observation.point()[dimension]).toArray();
    }

    /** The value with the largest ratio of its frequencies among some drawn from the good ones. */
    private static double choose(double[] good, double[] other, int count, SplittableRandom random) {
        double[] l = frequencies(good, count);
        double[] g = frequencies(other, count);
        int chosen = 0;
        double largest = -1;
        for (int i = 0; i < CANDIDATES; i++) {
            double u = random.nextDouble();
            int candidate = 0;
            while (candidate < count - 1 && u >= l[candidate]) {
                u -= l[candidate++];
            }
            if (l[candidate] / g[candidate] > largest) {
                largest = l[candidate] / g[candidate];
                chosen = candidate;
            }
        }
        return (chosen + 0.5) / count;
    }

    private static double[] frequencies(double[] coordinates, int count) {
        double[] counts = new double[count];
        Arrays.fill(counts, 1); // the prior
        for (double u : coordinates) {
            counts[(int) (u * count)]++;
        }
        double sum = Arrays.stream(counts).sum();
        Arrays.setAll(counts, i -> counts[i] / sum);
        return counts;
    }

    private static double draw(double[] good, double[] other, SplittableRandom random) {
        Mixture l = new Mixture(good);
        Mixture g = new Mixture(other);
        double chosen = 0.5;
        double largest = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < CANDIDATES; i++) {
            double u = l.draw(random);
            double ratio = Math.log(l.density(u)) - Math.log(g.density(u));
            if (ratio > largest) {
                largest = ratio;
                chosen = u;
            }
        }
        return chosen;
    }

    /** One normal distribution around each centre and the uniform one, all of equal weight, on [0, 1). */
    private static final class Mixture {

        private final double[] centres;
        private final double[] widths;

        Mixture(double[] values) {
            centres = values.clone();
            Arrays.sort(centres);
            widths = new double[centres.length];
            double least = 1.0 / Math.min(100, centres.length + 1);
            for (int i = 0; i < widths.length; i++) {
                double left = centres[i] - (i == 0 ? 0 : centres[i - 1]);
                double right = (i == widths.length - 1 ? 1 : centres[i + 1]) - centres[i];
                widths[i] = Math.clamp(Math.max(left, right), least, 1);
            }
        }

        double draw(SplittableRandom random) {
            int component = random.nextInt(centres.length + 1);
            if (component == centres.length) {
                return random.nextDouble();
            }
            while (true) { // inside with a probability of at least about a third
                double u = centres[component] + widths[component] * random.nextGaussian();
                if (u >= 0 && u < 1) {
                    return u;
                }
            }
        }

        double density(double u) {
            double sum = 1;
            for (int i = 0; i < centres.length; i++) {
                double z = (u - centres[i]) / widths[i];
                double inside = normal((1 - centres[i]) / widths[i]) - normal(-centres[i] / widths[i]);
                sum += Math.exp(-z * z / 2) / (Math.sqrt(2 * Math.PI) * widths[i] * inside);
            }
            return sum / (centres.length + 1);
        }

        /** The distribution function of the normal distribution, within 0.0002. */
        private static double normal(double z) {
            return 1 / (1 + Math.exp(-1.5976 * z - 0.07056 * z * z * z));
        }
    }
}
