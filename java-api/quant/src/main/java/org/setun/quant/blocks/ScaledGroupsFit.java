package org.setun.quant.blocks;

/**
 * Groups with signed integer scales under one half-precision scale, each a grid through zero: Q3_K, Q6_K. First every group is fitted for
 * itself; then the scale of the scales that spans them, the integers beside each group's own optimum that round it best, and the
 * least-squares scale of the scales for these codes, in turn.
 */
final class ScaledGroupsFit implements BlockFit {

    private static final int ROUNDS = 2;

    private final GridSearch grid;
    private final int least;
    private final int most;
    private final double[] wanted;
    private final boolean[] exact;
    private final int[] scales;
    private boolean allExact;
    private double bestError;

    /** Integer scales are from {@code least} to {@code most}. */
    ScaledGroupsFit(GridSearch grid, int groups, int least, int most) {
        this.grid = grid;
        this.least = least;
        this.most = most;
        this.wanted = new double[groups];
        this.exact = new boolean[groups];
        this.scales = new int[groups];
    }

    @Override
    public void fit(Block block) {
        double largest = fitGroups(block, false);
        bestError = Double.POSITIVE_INFINITY;
        attempt(block, largest / least, true);
        attempt(block, largest / most, true);
        for (int round = 0; round < ROUNDS; round++) {
            attempt(block, refined(block), true);
        }
        if (allExact || bestError < GridSearch.EXACT * block.energy() || Block.coarse(block.scale)) {
            attemptAll(block, largest);
            attemptAll(block, fitGroups(block, true));
        }
    }

    /** Fits every group for itself; the step of the greatest magnitude. */
    private double fitGroups(Block block, boolean coarsest) {
        double largest = 0;
        allExact = true;
        for (int g = 0; g < block.groups; g++) {
            grid.symmetric(block.values, block.weights, g * block.groupSize, block.groupSize, coarsest);
            wanted[g] = grid.step;
            exact[g] = grid.exact;
            allExact &= grid.exact;
            largest = Math.abs(grid.step) > Math.abs(largest) ? grid.step : largest;
        }
        return largest;
    }

    /** Tries every scale of the scales that makes the largest one an integer. */
    private void attemptAll(Block block, double largest) {
        for (int i = least; i <= most; i++) {
            if (i != 0) {
                attempt(block, largest / i, false);
            }
        }
    }

    /**
     * Chooses the integers for one scale of the scales; keeps them if nothing better was seen.
     *
     * @param wide whether to try all integers for groups that lie on a grid, such as a single value: which is nearest has no order
     */
    private void attempt(Block block, double scale, boolean wide) {
        short half = block.half(scale);
        if (Block.zero(half)) {
            half = Block.neighbour(half, 1);
        }
        double d = block.scaled(half);
        double sum = 0;
        for (int g = 0; g < block.groups && sum < bestError; g++) {
            long middle = Math.clamp(Math.round(wanted[g] / d), least, most);
            boolean all = wide && exact[g] && wanted[g] != 0;
            long last = all ? most : Math.min(most, middle + 1);
            double error = Double.POSITIVE_INFINITY;
            for (long i = all ? least : Math.max(least, middle - 1); i <= last && error > 0; i++) {
                double e = grid.error(block.values, block.weights, g * block.groupSize, block.groupSize, d * i, 0);
                if (e < error) {
                    error = e;
                    scales[g] = (int) i;
                }
            }
            sum += error;
        }
        if (sum < bestError) {
            bestError = sum;
            block.scale = half;
            System.arraycopy(scales, 0, block.groupScales, 0, block.groups);
        }
    }

    /** The least-squares scale of the scales for the codes that the best integers give. */
    private double refined(Block block) {
        double d = block.scaled(block.scale);
        double xq = 0;
        double qq = 0;
        for (int g = 0; g < block.groups; g++) {
            double scale = block.groupScales[g];
            if (scale != 0 && d != 0) {
                grid.sum(block.values, block.weights, g * block.groupSize, block.groupSize, 1 / (d * scale), 0);
                xq += scale * grid.sumXq;
                qq += scale * scale * grid.sumQq;
            }
        }
        return qq > 0 ? xq / qq : d;
    }
}
