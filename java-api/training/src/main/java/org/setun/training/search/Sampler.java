package org.setun.training.search;

import java.util.List;
import java.util.SplittableRandom;

/** Proposes where to look next. A function of the seed, the number of the trial and what is known: a search that goes on proposes the same. */
@FunctionalInterface
public interface Sampler {

    /**
     * A point that was tried.
     *
     * @param point one coordinate in [0, 1) per dimension
     * @param value what came of it, lower is better; infinite for a failure
     */
    record Observation(double[] point, double value) {
    }

    /** A point for trial {@code number}. */
    double[] suggest(int number, List<Observation> known);

    /** Points independent of what is known. */
    static Sampler random(int dimensions, long seed) {
        return (number, known) -> {
            SplittableRandom random = generator(seed, number);
            return random.doubles(dimensions).toArray();
        };
    }

    /** The numbers of a trial. */
    static SplittableRandom generator(long seed, int number) {
        return new SplittableRandom(seed ^ (number + 1) * 0x9e3779b97f4a7c15L);
    }
}
