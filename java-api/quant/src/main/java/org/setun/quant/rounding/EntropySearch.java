package org.setun.quant.rounding;

import org.jspecify.annotations.Nullable;

/** {@link ScaleSearch#entropy}. */
record EntropySearch() implements ScaleSearch {

    static final int BINS = 2048;

    @Override
    public float scale(Grid grid, float[] values, int from, int count, float @Nullable [] importance) {
        float absmax = ScaleSearch.absmax().scale(grid, values, from, count, importance);
        if (absmax == 0) {
            return 0;
        }
        double largest = (double) absmax * grid.most();
        double[] histogram = new double[BINS];
        for (int i = from; i < from + count; i++) {
            if (values[i] != 0) {
                int bin = Math.min(BINS - 1, (int) (Math.abs(values[i]) / largest * BINS));
                histogram[bin] += importance == null ? 1 : importance[i];
            }
        }
        return (float) (absmax * threshold(histogram, grid.levels()) / BINS);
    }

    /** The number of bins to keep, at least the levels. */
    static int threshold(double[] histogram, int levels) {
        int best = histogram.length;
        double least = Double.POSITIVE_INFINITY;
        double outside = 0;
        for (int i = histogram.length; i >= Math.min(levels, histogram.length); i--) {
            double divergence = divergence(histogram, i, outside, levels);
            if (divergence < least) {
                least = divergence;
                best = i;
            }
            outside += i > 0 ? histogram[i - 1] : 0;
        }
        return best;
    }

    /**
     * KL(P ‖ Q): P is the first {@code kept} bins with all that is clipped added to the last; Q folds them without the clipped ones into
     * {@code levels} and spreads each level evenly over its bins that are not empty.
     */
    private static double divergence(double[] histogram, int kept, double outside, int levels) {
        double total = outside;
        double inside = 0;
        for (int i = 0; i < kept; i++) {
            inside += histogram[i];
        }
        total += inside;
        if (!(inside > 0)) {
            return Double.POSITIVE_INFINITY;
        }
        double sum = 0;
        for (int level = 0; level < levels; level++) {
            int start = (int) ((long) level * kept / levels);
            int end = (int) ((long) (level + 1) * kept / levels);
            double mass = 0;
            int filled = 0;
            for (int i = start; i < end; i++) {
                mass += histogram[i];
                filled += histogram[i] > 0 ? 1 : 0;
            }
            for (int i = start; i < end; i++) {
                double p = (histogram[i] + (i == kept - 1 ? outside : 0)) / total;
                if (p > 0) {
                    if (histogram[i] == 0) {
                        return Double.POSITIVE_INFINITY;
                    }
                    sum += p * Math.log(p / (mass / filled / inside));
                }
            }
        }
        return sum;
    }
}
