package org.setun.quant.budget;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * Mixed precision under a byte budget: of several ways to store each tensor, the ones whose losses add up to least while their bytes fit
 * (a multiple-choice knapsack). {@link #greedy} buys the best loss per byte first and takes no time; {@link #exact} is best possible.
 *
 * <p>The loss of a tensor in a format comes from the caller: a proxy loss, an error weighted by sensitivity, a measured change.
 *
 * <p>Nothing changes after construction: any number of threads may ask for allocations.
 */
public final class PrecisionBudget {

    /** Per tensor the options that are not beaten in both numbers: bytes rise, losses fall. */
    private final List<List<Option>> useful = new ArrayList<>();
    /** The useful ones on the lower convex hull: slopes rise towards 0. */
    private final List<List<Option>> hulls = new ArrayList<>();
    private final long least;

    /**
     * @param tensors the options of each tensor, at least one
     */
    public PrecisionBudget(List<List<Option>> tensors) {
        long sum = 0;
        for (List<Option> options : tensors) {
            if (options.isEmpty()) {
                throw new IllegalArgumentException("tensors[" + useful.size() + "] has no option; each needs at least one format");
            }
            List<Option> kept = pareto(options);
            useful.add(kept);
            hulls.add(hull(kept));
            sum = Math.addExact(sum, kept.getFirst().bytes());
        }
        least = sum;
    }

    /** The bytes that no choice can go below. */
    public long leastBytes() {
        return least;
    }

    private static List<Option> pareto(List<Option> options) {
        List<Option> sorted = new ArrayList<>(options);
        sorted.sort(Comparator.comparingLong(Option::bytes).thenComparingDouble(Option::loss));
        List<Option> kept = new ArrayList<>();
        for (Option option : sorted) {
            if (kept.isEmpty() || option.loss() < kept.getLast().loss()) {
                kept.add(option);
            }
        }
        return kept;
    }

    private static List<Option> hull(List<Option> pareto) {
        List<Option> hull = new ArrayList<>();
        for (Option option : pareto) {
            while (hull.size() >= 2 && slope(hull.get(hull.size() - 2), hull.getLast()) >= slope(hull.getLast(), option)) {
                hull.removeLast();
            }
            hull.add(option);
        }
        return hull;
    }

    /** Loss per byte of the step from one option to a larger one: negative. */
    private static double slope(Option from, Option to) {
        return (to.loss() - from.loss()) / (to.bytes() - from.bytes());
    }

    private void check(long budget) {
        if (budget < least) {
            throw new IllegalArgumentException("budget = " + budget + " bytes is below the " + least
                    + " of the smallest formats; raise it or allow smaller formats");
        }
    }

    /**
     * Starts with the smallest formats and takes, again and again, the step with the most loss saved per byte that still fits.
     *
     * @throws IllegalArgumentException if not even the smallest formats fit
     */
    public Allocation greedy(long budget) {
        check(budget);
        int[] at = new int[hulls.size()];
        long bytes = least;
        PriorityQueue<Integer> steps = new PriorityQueue<>(
                Comparator.comparingDouble((Integer t) -> slope(hulls.get(t).get(at[t]), hulls.get(t).get(at[t] + 1)))
                        .thenComparingInt(t -> t));
        for (int t = 0; t < at.length; t++) {
            if (hulls.get(t).size() > 1) {
                steps.add(t);
            }
        }
        while (!steps.isEmpty()) {
            int t = steps.remove();
            long more = hulls.get(t).get(at[t] + 1).bytes() - hulls.get(t).get(at[t]).bytes();
            if (more <= budget - bytes) {
                bytes += more;
                at[t]++;
                if (at[t] + 1 < hulls.get(t).size()) {
                    steps.add(t);
                }
            }
        }
        List<Option> chosen = new ArrayList<>();
        for (int t = 0; t < at.length; t++) {
            chosen.add(hulls.get(t).get(at[t]));
        }
        return Allocation.of(chosen);
    }

    /**
     * The least loss there is. Partial choices are extended tensor by tensor; those that another beats in bytes and loss go, and those whose
     * bound (the rest in fractions of formats, which is solved at once) cannot beat the best whole choice known. Few remain as long as
     * tensors share sizes, as those of a model do.
     *
     * @throws IllegalArgumentException if not even the smallest formats fit
     */
    public Allocation exact(long budget) {
        check(budget);
        int tensors = useful.size();
        Relaxation[] rest = new Relaxation[tensors + 1];
        rest[tensors] = Relaxation.EMPTY;
        for (int t = tensors - 1; t >= 0; t--) {
            rest[t] = rest[t + 1].with(hulls.get(t));
        }
        Allocation best = greedy(budget);
        List<Partial> front = List.of(new Partial(null, null, 0, 0));
        for (int t = 0; t < tensors; t++) {
            List<Partial> extended = new ArrayList<>();
            for (Partial partial : front) {
                for (Option option : useful.get(t)) {
                    long bytes = partial.bytes + option.bytes();
                    if (budget - bytes < rest[t + 1].leastBytes()) {
                        break;
                    }
                    double loss = partial.loss + option.loss();
                    // sums in another order differ in their last bits, which must not hide the best choice
                    double bound = loss + rest[t + 1].loss(budget - bytes);
                    if (bound <= best.loss() + 1e-12 * (Math.abs(best.loss()) + Math.abs(bound))) {
                        extended.add(new Partial(partial, option, bytes, loss));
                    }
                }
            }
            front = undominated(extended);
        }
        for (Partial partial : front) {
            Allocation whole = partial.allocation();
            if (whole.loss() < best.loss()) {
                best = whole;
            }
        }
        return best;
    }

    private static List<Partial> undominated(List<Partial> partials) {
        partials.sort(Comparator.comparingLong((Partial p) -> p.bytes).thenComparingDouble(p -> p.loss));
        List<Partial> kept = new ArrayList<>();
        for (Partial partial : partials) {
            if (kept.isEmpty() || partial.loss < kept.getLast().loss) {
                kept.add(partial);
            }
        }
        return kept;
    }

    /** Options of the first tensors, as a chain. */
    private record Partial(@Nullable Partial before, @Nullable Option option, long bytes,
            double loss) {

        Allocation allocation() {
            List<Option> options = new ArrayList<>();
            for (Partial at = this; at.option != null; at = at.before) {
                options.addFirst(at.option);
            }
            return Allocation.of(options);
        }
    }
}
