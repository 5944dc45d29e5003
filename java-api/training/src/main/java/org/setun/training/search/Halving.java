package org.setun.training.search;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Which trial is worth more steps: asynchronous successive halving (ASHA; Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys
 * 2020). Trials begin with {@code leastSteps}; of those that have reached a rung, the best 1/eta may go on to the next, which has eta times as many
 * steps, up to {@code mostSteps}.
 *
 * @param leastSteps of the first rung
 * @param mostSteps  of the last
 * @param eta        at least 2
 */
public record Halving(long leastSteps, long mostSteps, int eta) {

    public Halving {
        if (leastSteps < 1 || mostSteps < leastSteps || eta < 2) {
            throw new IllegalArgumentException(
                    "least steps = " + leastSteps + " must be in [1, most steps = " + mostSteps + "], eta = " + eta
                            + " at least 2");
        }
    }

    /** The same steps for all. */
    static Halving none(long steps) {
        return new Halving(steps, steps, 2);
    }

    /** The steps of the rungs, rising. */
    public List<Long> rungs() {
        List<Long> rungs = new ArrayList<>();
        for (long steps = leastSteps; steps < mostSteps; steps = steps > mostSteps / eta ? mostSteps : steps * eta) {
            rungs.add(steps);
        }
        rungs.add(mostSteps);
        return rungs;
    }

    /** The trial that should go on, and how far; the highest rung first. Empty if a new one should begin. */
    Optional<Promotion> promotion(List<Trial> trials) {
        List<Long> rungs = rungs();
        for (int i = rungs.size() - 2; i >= 0; i--) {
            long here = rungs.get(i);
            long next = rungs.get(i + 1);
            List<Trial> arrived = trials.stream().filter(trial -> trial.at(here).isPresent())
                    .sorted(Comparator.comparingDouble((Trial trial) -> value(trial, here)).thenComparing(Trial::number)).toList();
            Optional<Trial> best = arrived.stream().limit(arrived.size() / eta)
                    .filter(trial -> trial.at(next).isEmpty() && Double.isFinite(value(trial, here))).findFirst();
            if (best.isPresent()) {
                return Optional.of(new Promotion(best.get(), next));
            }
        }
        return Optional.empty();
    }

    private static double value(Trial trial, long steps) {
        Double value = trial.at(steps).orElseThrow().value();
        return value == null ? Double.POSITIVE_INFINITY : value;
    }

    /** A trial and the steps it should reach. */
    record Promotion(Trial trial, long steps) {
    }
}
