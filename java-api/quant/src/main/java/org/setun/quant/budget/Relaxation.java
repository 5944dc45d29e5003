package org.setun.quant.budget;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The least loss of some tensors if a step between two formats could be taken in part: a lower bound of what whole steps reach. The steps of
 * all tensors, sorted by loss saved per byte, are taken until the bytes are used up.
 */
final class Relaxation {

    static final Relaxation EMPTY = new Relaxation(0, 0, List.of());

    /** A step from one format to the next on the hull; both numbers as differences. */
    private record Step(long bytes, double loss) {

        double slope() {
            return loss / bytes;
        }
    }

    private final long leastBytes;
    private final double mostLoss;
    private final List<Step> steps;
    /** Bytes and loss after the first i steps. */
    private final long[] bytes;
    private final double[] loss;

    private Relaxation(long leastBytes, double mostLoss, List<Step> steps) {
        this.leastBytes = leastBytes;
        this.mostLoss = mostLoss;
        this.steps = steps;
        bytes = new long[steps.size() + 1];
        loss = new double[steps.size() + 1];
        bytes[0] = leastBytes;
        loss[0] = mostLoss;
        for (int i = 0; i < steps.size(); i++) {
            bytes[i + 1] = bytes[i] + steps.get(i).bytes();
            loss[i + 1] = loss[i] + steps.get(i).loss();
        }
    }

    /** This and one more tensor. */
    Relaxation with(List<Option> hull) {
        List<Step> merged = new ArrayList<>(steps);
        for (int i = 1; i < hull.size(); i++) {
            merged.add(new Step(hull.get(i).bytes() - hull.get(i - 1).bytes(), hull.get(i).loss() - hull.get(i - 1).loss()));
        }
        merged.sort(Comparator.comparingDouble(Step::slope));
        return new Relaxation(leastBytes + hull.getFirst().bytes(), mostLoss + hull.getFirst().loss(), merged);
    }

    long leastBytes() {
        return leastBytes;
    }

    /** The bound for {@code budget} bytes, at least {@link #leastBytes()}. */
    double loss(long budget) {
        int low = 0;
        int high = steps.size();
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (bytes[middle] <= budget) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low == steps.size() ? loss[low] : loss[low] + (budget - bytes[low]) * steps.get(low).slope();
    }
}
