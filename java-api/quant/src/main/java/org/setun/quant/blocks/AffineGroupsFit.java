package org.setun.quant.blocks;

/**
 * Groups with integer scales and integer minima, not negative, under one half-precision scale for each kind: Q2_K, Q4_K, Q5_K. First every
 * group is fitted for itself; then the scales that span them, the pairs of integers around each group's own optimum that round it best, and
 * the least-squares scales for these codes, in turn.
 */
final class AffineGroupsFit implements BlockFit {

    private static final int ROUNDS = 3;

    private final GridSearch grid;
    private final int most;
    private final double[] wantedScales;
    private final double[] wantedMins;
    private final int[] scales;
    private final int[] mins;
    private double largestScale;
    private double largestMin;
    private boolean allExact;
    private double bestError;
    private double refinedScale;
    private double refinedMin;

    /** Integer scales and minima are from 0 to {@code most}. */
    AffineGroupsFit(GridSearch grid, int groups, int most) {
        this.grid = grid;
        this.most = most;
        this.wantedScales = new double[groups];
        this.wantedMins = new double[groups];
        this.scales = new int[groups];
        this.mins = new int[groups];
    }

    @Override
    public void fit(Block block) {
        fitGroups(block, false);
        bestError = Double.POSITIVE_INFINITY;
        attempt(block, spanning(block, largestScale), spanning(block, largestMin));
        for (int round = 0; round < ROUNDS; round++) {
            refine(block);
            attempt(block, block.half(refinedScale), block.half(refinedMin));
        }
        if (allExact || bestError < GridSearch.EXACT * block.energy() || Block.coarse(block.scale)
                || Block.coarse(block.min) && !Block.zero(block.min)) {
            attemptAll(block);
            fitGroups(block, true);
            attemptAll(block);
        }
    }

    /** Fits every group for itself. */
    private void fitGroups(Block block, boolean coarsest) {
        largestScale = 0;
        largestMin = 0;
        allExact = true;
        for (int g = 0; g < block.groups; g++) {
            grid.affine(block.values, block.weights, g * block.groupSize, block.groupSize, false, coarsest);
            wantedScales[g] = grid.step;
            wantedMins[g] = grid.offset;
            allExact &= grid.exact;
            largestScale = Math.max(largestScale, grid.step);
            largestMin = Math.max(largestMin, grid.offset);
        }
    }

    /** Tries every pair of scales that makes the largest group's scale, then every one that makes its minimum, an integer. */
    private void attemptAll(Block block) {
        for (int i = 1; i <= most; i++) {
            attempt(block, block.half(largestScale / i), block.min);
            attempt(block, block.half(largestScale / i), block.half(largestMin / i));
        }
        for (int i = 1; i <= most; i++) {
            attempt(block, block.scale, block.half(largestMin / i));
        }
    }

    /** The half that reaches {@code largest} with the largest integer; the smallest half rather than none. */
    private short spanning(Block block, double largest) {
        short half = block.half(largest / most);
        return half == 0 && largest > 0 ? 1 : half;
    }

    /** Chooses the integers for one pair of scales; keeps them if nothing better was seen. */
    private void attempt(Block block, short scaleHalf, short minHalf) {
        double d = block.scaled(scaleHalf);
        double dmin = block.scaled(minHalf);
        double sum = 0;
        for (int g = 0; g < block.groups && sum < bestError; g++) {
            int from = g * block.groupSize;
            long middle = d == 0 ? 0 : Math.clamp(Math.round(wantedScales[g] / d), 0, most);
            double error = Double.POSITIVE_INFINITY;
            for (long s = Math.max(0, middle - 1); s <= Math.min(most, middle + 1); s++) {
                long low = dmin == 0 ? 0 : Math.clamp(Math.round(wantedMins[g] / dmin), 0, most);
                for (long m = Math.max(0, low - 1); m <= Math.min(most, low + 1); m++) {
                    double e = grid.error(block.values, block.weights, from, block.groupSize, d * s, dmin * m);
                    if (e < error) {
                        error = e;
                        scales[g] = (int) s;
                        mins[g] = (int) m;
                    }
                }
            }
            sum += error;
        }
        if (sum < bestError) {
            bestError = sum;
            block.scale = scaleHalf;
            block.min = minHalf;
            System.arraycopy(scales, 0, block.groupScales, 0, block.groups);
            System.arraycopy(mins, 0, block.groupMins, 0, block.groups);
        }
    }

    /** Least squares of x ≈ d (s q) − dmin m over the block, for the codes that the best integers give. */
    private void refine(Block block) {
        double d = block.scaled(block.scale);
        double dmin = block.scaled(block.min);
        double qq = 0;
        double qm = 0;
        double mm = 0;
        double xq = 0;
        double xm = 0;
        for (int g = 0; g < block.groups; g++) {
            double s = block.groupScales[g];
            double m = block.groupMins[g];
            int from = g * block.groupSize;
            grid.sum(block.values, block.weights, from, block.groupSize, d * s == 0 ? 0 : 1 / (d * s), dmin * m);
            qq += s * s * grid.sumQq;
            qm += s * m * grid.sumQ;
            xq += s * grid.sumXq;
            for (int i = from; i < from + block.groupSize; i++) {
                mm += m * m * block.weights[i];
                xm += m * block.weights[i] * block.values[i];
            }
        }
        double determinant = qq * mm - qm * qm;
        if (determinant > 1e-12 * qq * mm) {
            refinedScale = (mm * xq - qm * xm) / determinant;
            refinedMin = (qm * xq - qq * xm) / determinant;
        } else {
            refinedScale = qq > 0 ? xq / qq : d;
            refinedMin = mm > 0 ? -xm / mm : 0;
        }
        if (refinedScale < 0 || refinedMin < 0) {
            refinedScale = d;
            refinedMin = dmin;
        }
    }
}
